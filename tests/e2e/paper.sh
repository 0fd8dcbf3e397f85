#!/usr/bin/env bash
# tools/paper --quick: every run is made, the table is whole, a second call keeps what is there, and
# the page shows all of it in a real browser.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

paper=$repository/tools/paper
run 0 paper 200 "$paper" --quick --seed 7 --bin "$scratch/bin" --out out
runs=26
[[ $(find out/runs -name '*.json' | wc -l) == "$runs" ]] || fail "there are not $runs results"
[[ -z $(find out -name '*.part' -o -name '*.failed' -o -name '*.log') ]] || fail 'something is left'
says paper.out 'mean seconds'
ok 'every run is made'

# Every row has every column, and what a run must have.
awk -F, '
  NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; columns = NF; next }
  NF != columns { print "row " NR " has " NF " columns, not " columns; bad = 1 }
  $at["arrived"] < 1 || $at["limit_s"] <= 0 || $at["seed"] != 7 || $at["violations"] != "0" ||
    $at["command"] !~ /^fbload sim conf\/scenarios\/paper-.*--seed 7$/ { print "row: " $0; bad = 1 }
  $at["stable"] == 1 && !($at["mean_s"] >= $at["limit_s"] / 2) { print "mean: " $0; bad = 1 }
  $at["experiment"] == "pool" && $at["pool_slope_per_s"] == "" { print "slope: " $0; bad = 1 }
  END {
    if (NR != '$((runs + 1))' || columns < 30) { print NR " rows of " columns; bad = 1 }
    exit bad
  }' out/results.csv || fail 'the table is not whole'
row() { grep "^$1," out/results.csv || fail "no row $1"; }
stable() { row "$1" | cut -d, -f22; }
[[ $(stable pool,classic,800,128,2) == 1 ]] || fail 'the swarm does not hold at 2/s'
[[ $(stable pool,http,800,4,2) == 1 ]] || fail 'HTTP does not hold with 4 KiB at 2/s'
[[ $(stable pool,http,800,128,8) == 0 ]] || fail 'HTTP holds with 128 KiB at 8/s, which cannot be'
ok 'the table is whole, and HTTP is said to hold only where it can'

cp -r out/results.csv out/report.html .
run 0 again 60 "$paper" --quick --seed 7 --bin "$scratch/bin" --out out
says again.out "$runs of them were there already"
same results.csv out/results.csv
same report.html out/report.html
rm -- out/runs/oneshot-classic-800-128-10.json
run 0 one 60 "$paper" --quick --seed 7 --bin "$scratch/bin" --out out
says one.out "$((runs - 1)) of them were there already"
same report.html out/report.html
ok 'what is there is kept, and the same seed gives the same page'

# A program that fails makes the whole fail, and says where.
mkdir broken
cat >broken/fbload <<'END'
#!/bin/sh
[ "$1" = --version ] && echo flashback 0 && exit
echo no such thing >&2
exit 3
END
chmod +x broken/fbload
run 1 failed 60 "$paper" --quick --bin broken --out nothing
says failed.err 'could not be run \(status 3\)'
says failed.err 'no such thing'
run 1 wrong 20 "$paper" --quick --seed none
ok 'failures are told'

needs_browser
browse page --enable-logging=stderr --v=0 --dump-dom "file://$scratch/report.html" ||
  fail "$browser failed on the page"
says_not page.err 'CONSOLE'
sed -n '/<main/,/<\/main>/p' page.out >page.main
says_not page.main 'NaN|undefined|Infinity'
for part in 'Figure 6' 'Figure 7' 'Figure 8' 'one-shot' 'Side by side' 'under 12' 'unstable' \
  'class="cross"' 'tools/paper --quick --seed 7'; do
  says page.main "$part"
done
plots=$({ grep -o 'role="img"' page.main || true; } | wc -l)
((plots >= 10)) || fail "$plots plots, not 10"
browse print --print-to-pdf="$scratch/page.pdf" --no-pdf-header-footer \
  "file://$scratch/report.html" || fail "$browser failed to print"
[[ $(head -c 4 page.pdf) == %PDF ]] || fail 'no PDF'
ok "the page shows $plots plots, on a screen and on paper"
