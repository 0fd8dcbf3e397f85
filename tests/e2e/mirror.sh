#!/usr/bin/env bash
# A site of more than 1,000 real files is mirrored, and the copy is the original: with epoll and
# with io_uring, under both profiles.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

documentation=/usr/share/doc/cmake-data/html  # of the package cmake-doc, the demo's site
mkdir site
if [[ -e $documentation/index.html ]]; then
  cp -rL -- "$documentation/." site 2>/dev/null || true  # but for links that lead nowhere
  what='the handbook of CMake'
else
  for directory in 'api' 'guide' 'guide/first steps' 'bilder/größe' 'img' 'styles' 'api/v2/types'; do
    mkdir -p "site/$directory"
  done
  directories=(api guide 'guide/first steps' 'bilder/größe' img styles api/v2/types)
  endings=(html html html css png js txt)
  for ((i = 0; i < 1200; ++i)); do
    ending=${endings[i % 7]}
    file="site/${directories[i % 7]}/page $i.$ending"
    { printf '<p>%d</p>\n' "$i" && head -c $((i * 37 % 9000)) /dev/urandom; } >"$file"
  done
  printf '<!doctype html><title>Generated</title>' >site/index.html
  what='a generated site'
fi
# What a handbook does not have.
mkdir -p 'site/e2e/with space/äöü' site/e2e/deep/er/and/deep/er
: >site/e2e/empty
: >'site/e2e/with space/äöü/leer.txt'
printf 'x' >'site/e2e/deep/er/and/deep/er/one byte'
printf '1' >'site/e2e/100% & more #1?.html'
random_file 3145728 'site/e2e/with space/большой.bin'
files=$(find site -type f ! -name '.*' | wc -l)
((files > 1000)) || fail "only $files files"
note "$what and a few odd names: $files files"

mirror() {  # IO [PROFILE]
  local copy=$1${2:+-$2}
  run 0 "get-$copy" 200 fbpeer get "${link[seed]}" --all --output "copy-$copy" --io "$1" --json \
    --quiet ${2:+--set roulette.profile=$2}
  diff -r --no-dereference site "copy-$copy" >diff.out ||
    { head diff.out >&2; fail "the copies differ"; }
  json_flat <"get-$copy.out" >get.flat
  (($(json_value get.flat files) == files)) || fail "$(json_value get.flat files) files were fetched"
  ok "--io $1${2:+, profile $2}: $files files, identical, in $(json_value get.flat seconds) s"
}

seed seed site --io epoll
says seed.err 'with epoll'
mirror epoll
run 0 again 100 fbpeer get "${link[seed]}" --all --output copy-epoll --json --quiet
json_flat <again.out >get.flat
[[ $(json_value get.flat files) == 0 && $(json_value get.flat skipped) == "$files" ]] ||
  fail 'files that are there already were fetched again'
ok 'a second run fetches nothing'
stop_seed seed

seed seed site --io epoll --set roulette.profile=classic
mirror epoll classic
stop_seed seed

# What a kernel or container refuses is no fault of ours.
start probe fbseed serve site --listen 127.0.0.1:0 --key seed.key --io uring
wait_until 30 'the probe' line_or_end probe
if ended probe; then
  note "NOT TESTED with io_uring: $(tail -n 1 probe.err)"
  exit 0
fi
kill -TERM "${pid[probe]}"
wait_end probe 20
seed seed site --io uring
says seed.err 'with io_uring'
mirror uring
diff -r copy-epoll copy-uring >/dev/null || fail 'the two copies differ'
ok 'both copies are identical'
stop_seed seed
