#!/usr/bin/env bash
# fbload's pages in a real browser: every plot is there, for a screen and for paper, nothing is
# loaded, no script fails, and hostile names stay names. And fbload compare from the outside.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cat >small.toml <<'END'
title = "</script><script>document.title='HIT'</script><b>bold</b>"
[arrivals]
rate = "20/s"
[stop]
rule = "number"
peers = 60
[class.dsl]
share = "80%"
[class.leavers]
share = "20%"
abandon_after = "2s"
END
run 0 sim 60 fbload sim small.toml --seed 1 --json one.json --report one.html --quiet
run 0 again 60 fbload sim small.toml --seed 1 --json again.json --quiet
same one.json again.json
ok 'the same seed gives the same bytes'
run 0 other 60 fbload sim small.toml --seed 2 --json two.json --quiet
! cmp -s one.json two.json || fail 'another seed gave the same run'
run 0 report 20 fbload report one.json later.html
same one.html later.html
ok 'the page made later is the page of the run'
run 0 several 20 fbload report one.json two.json several.html --title 'Two seeds'

run 0 compare 20 fbload compare one.json again.json --fail-if-worse --json change.json
says compare.out 'mean wait, s .* same'
says change.json '"worse": false'
sed 's/"violations": 0/"violations": 1/' one.json >broken.json
run 7 worse 20 fbload compare one.json broken.json --fail-if-worse
run 0 told 20 fbload compare one.json broken.json
says told.out 'violated checks .* worse'
printf '{\n "program": oops\n}\n' >bad.json
run 1 bad 20 fbload compare one.json bad.json
says bad.err 'bad.json: line 2, column'
run 6 missing 20 fbload report missing.json out.html
run 2 overwrite 20 fbload report one.json two.json
ok 'comparisons end as documented'

needs_browser
open_page() {  # NAME PAGE ARGUMENT...
  local name=$1 page=$2
  shift 2
  browse "$name" --enable-logging=stderr --v=0 "$@" "file://$scratch/$page" ||
    fail "$browser failed on $page"
  says_not "$name.err" 'CONSOLE'
  sed -n '/<main/,/<\/main>/p' "$name.out" >"$name.main"  # what is shown, without the scripts
  says_not "$name.main" 'NaN|undefined|Infinity'
}
count() { { grep -o -- "$2" "$1" || true; } | wc -l; }

open_page dom one.html --dump-dom
says_not dom.out '<title>HIT'
says dom.main '<h1>&lt;/script&gt;&lt;script&gt;document.title'
(($(count dom.main '<figure') == 8)) || fail "$(count dom.main '<figure') figures, not 8"
plots=$(count dom.main '<svg[^>]*role="img"')
empty=$(count dom.main 'class="empty"')
((plots >= 7 && plots + empty == 8)) || fail "$plots plots and $empty empty ones of 8"
for part in 'How long visitors waited' 'seconds since arrival' 'Visitors under way' 'Throughput' \
  'What was dropped' 'What each visitor received' 'class="series"' 'leaves after 2'; do
  says dom.main "$part"
done
ok 'all plots of the page are there, and names stay names'

open_page several several.html --dump-dom
says several.main '<h1>Two seeds'
(($(count several.main '<svg[^>]*role="img"') == 3)) || fail 'the page of two runs lacks a plot'
ok 'a page of two runs'

open_page phone one.html --window-size=400,900 --dump-dom
(($(count phone.main '<svg[^>]*role="img"') == plots)) || fail 'a plot is missing on a narrow screen'
open_page paper one.html --print-to-pdf="$scratch/one.pdf" --no-pdf-header-footer
[[ $(head -c 4 one.pdf) == %PDF ]] || fail 'no PDF'
if [[ -n $artifacts ]] && mkdir -p -- "$artifacts/$test_name"; then
  open_page picture one.html --window-size=1240,2600 --screenshot="$scratch/one.png"
  cp -- one.html one.png one.pdf "$artifacts/$test_name/"
  note "screenshot: $artifacts/$test_name/one.png"
fi
ok 'a narrow screen and paper'
