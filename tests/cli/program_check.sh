#!/usr/bin/env bash
# Drives the built program: what it prints, how it ends, a site served and mirrored.
#   program_check.sh PATH_OF_FLASHBACK
set -euo pipefail

flashback=$(realpath -- "$1")
documents=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../docs" && pwd)
here=$(mktemp -d)
pids=()
failures=0
cleanup() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf -- "$here"
}
trap cleanup EXIT
cd -- "$here"
export HOME=$here XDG_STATE_HOME=$here/state LC_ALL=C.UTF-8
unset STATE_DIRECTORY NOTIFY_SOCKET
for name in fbseed fbpeer fbload; do ln -s -- "$flashback" "$name"; done

fail() {
  echo "FAILED: $*"
  sed 's/^/    /' out err 2>/dev/null || true
  failures=$((failures + 1))
}

# expect CODE COMMAND…: runs it into the files out and err.
expect() {
  local wanted=$1 code=0
  shift
  timeout 60 "$@" >out 2>err </dev/null || code=$?
  [[ $code == "$wanted" ]] || fail "exit code $code, not $wanted: $*"
}

# says FILE TEXT: the last command's output has it.
says() { grep -qF -- "$2" "$1" || fail "\"$2\" is not in $1"; }

# until_true COMMAND…: it becomes true within ten seconds.
until_true() {
  local try
  for ((try = 0; try < 1000; ++try)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.01
  done
  fail "never true: $*"
  return 1
}

# --- help, version, wrong usage
expect 0 "$flashback" --help
says out 'fbseed serve'
says out 'Exit codes: 0 done'
expect 0 "$flashback" --version
says out 'flashback '
expect 2 "$flashback"
expect 2 "$flashback" sead
says err 'there is no "sead"'
expect 0 ./fbseed --help
says out 'keygen'
expect 0 "$flashback" peer get --help
says out 'Examples:'
says out '130 interrupted'
expect 2 ./fbseed serve --uplnk 800kbit .
says err 'did you mean --uplink?'
expect 2 ./fbseed serve --uplink 800 .
says err 'write "800kbit"'
expect 2 ./fbseed serv
says err '"serv" is neither a command (serve, check, keygen) nor a directory'
expect 2 ./fbseed serve
says err 'no site'
expect 2 ./fbpeer get
says err 'LINK is missing'
expect 2 ./fbpeer get http://example.org/
expect 2 ./fbpeer nonsense

# --- configuration
printf 'uplink = "800kbit"\n[rulette]\nprofile = "classic"\n[seeder]\nneighbours_max = "many"\n' >bad.toml
expect 3 ./fbseed check --config bad.toml
says err 'bad.toml:2:2: unknown table [rulette]; did you mean [roulette]?'
says err 'bad.toml:5:18: seeder.neighbours_max: must be a whole number'
expect 3 ./fbseed serve --config bad.toml .
expect 3 ./fbseed check --config missing.toml
says err 'missing.toml: cannot be read: No such file or directory'
expect 3 ./fbseed check --config "$here"
printf 'uplink = "800kbit"\n' >good.toml
expect 0 ./fbseed check --config good.toml
says out '# ok'
says out 'uplink = "800kbit"  # good.toml:1:10'
expect 0 env FBSEED_UPLINK=2Mbit ./fbseed check --config good.toml
says out 'uplink = "2Mbit"  # FBSEED_UPLINK'
expect 3 env FBSEED_UPLINK=2 ./fbseed check
says err 'FBSEED_UPLINK: "2" has no unit'
expect 0 env FBSEED_CONFIG=good.toml ./fbseed check --set rescan=9s
says out 'rescan = "9s"  # --set rescan'
says out 'uplink = "800kbit"  # good.toml:1:10'
cp out printed.toml
expect 0 ./fbseed check --config printed.toml
diff <(sed 's/  #.*//' printed.toml) <(sed 's/  #.*//' out) || fail 'the printed configuration differs'
expect 0 ./fbpeer check
expect 0 ./fbseed check --example
cp out example.toml
expect 0 ./fbseed check --config example.toml

# --- the laboratory in virtual time
expect 0 ./fbload check --example
cp out example.toml
expect 0 ./fbload check example.toml
says out '# ok'
expect 0 ./fbload check example.toml --set stop.peers=7
says out 'peers = 7  # --set stop.peers'
printf '[content]\nsizes = ["4KiB"]\n[stop]\npeers = 40\n[class.dsl]\n[class.lte]\nshare = "25%%"\n' >s.toml
printf '[arrivals]\nrate = 32\n[class.dsl]\nupp = "1Mbit"\n' >bad.toml
expect 3 ./fbload check s.toml bad.toml
says out 's.toml: ok'
says err 'bad.toml:2:8: arrivals.rate: "32" has no unit; write "32/s"'
says err 'bad.toml:4:1: unknown key "class.dsl.upp"; did you mean "class.dsl.up"?'
expect 3 ./fbload sim bad.toml
expect 3 ./fbload sim missing.toml
says err 'missing.toml: cannot be read: No such file or directory'
expect 3 env FBLOAD_STOP_PEERS=many ./fbload sim s.toml
expect 2 ./fbload sim s.toml --arrivals 32
says err '--arrivals: "32" has no unit; write "32/s"'
expect 2 ./fbload sim s.toml --set class.dls.up=1Mbit
says err 'did you mean "dsl"?'
expect 2 ./fbload sim s.toml --link 1Mbit,1ms
says err '--link: the scenario has 2 classes'
expect 6 ./fbload sim s.toml --json nowhere/a.json
says err '--json nowhere/a.json: cannot be written: No such file or directory'

expect 0 ./fbload sim s.toml --seed 5 --json a.json --csv a.csv --peers-csv peers.csv --report a.html --quiet
says out '40 arrived, 40 complete'
says out 'seed 5'
[[ ! -s err ]] || fail 'a quiet run is not quiet'
[[ $(wc -l <peers.csv) == 41 ]] || fail 'not a line a visitor'
grep -q '<html' a.html || fail 'no page'
[[ $(wc -l <a.csv) -ge 2 ]] || fail 'not a line a second'
expect 0 ./fbload sim s.toml --seed 5 --json -
cmp out a.json || fail 'the same seed gives another result'
expect 0 bash -c './fbload sim - --seed 5 --json b.json <s.toml'
cmp a.json b.json || fail 'standard input is not the same scenario'
expect 0 ./fbload sim s.toml --seed 6 --json -
cmp -s out a.json && fail 'another seed gives the same result'
expect 0 env FBLOAD_CONFIG=s.toml FBLOAD_SEED=5 ./fbload sim --json -
cmp out a.json || fail 'the scenario of a variable is another one'
expect 0 ./fbload sim s.toml --print-config
cp out printed.toml
expect 0 ./fbload sim printed.toml --seed 5 --json -
cmp out a.json || fail 'the printed scenario is another one'
expect 2 ./fbload sim s.toml --json - --csv -
says err 'only one file can be the standard output'

expect 7 ./fbload sim s.toml --seed 5 --set expect.mean_s_max=0.001
says out 'NOT MET'
expect 7 ./fbload sim s.toml --seed 5 --set class.lte.mean_s_max=0.001 --json -
says err 'lte'
expect 1 ./fbload sim s.toml --seed 5 --set stop.limit=50ms
says out '0 complete'
expect 0 ./fbload sim s.toml --set stop.limit=200ms --set expect.incomplete_max=99

mkdir web
echo '<p>hello' >web/index.html
head -c 9000 /dev/urandom >web/picture
printf '[content]\nsite = "web"\n[stop]\npeers = 9\n' >web.toml
expect 0 ./fbload sim web.toml
expect 0 ./fbload sim web.toml --path picture
expect 5 ./fbload sim web.toml --path pictures
says err 'did you mean picture?'
expect 2 ./fbload sim web.toml --set content.sizes=4KiB --set content.site=web
expect 3 env FBLOAD_CONTENT_SITE=nowhere ./fbload sim s.toml
says err 'nowhere: No such file or directory'
printf 'seconds\n0\n0.5\n0.25\n' >t.csv
printf '[arrivals]\nkind = "trace"\ntrace = "t.csv"\n' >trace.toml
expect 3 ./fbload sim trace.toml
says err 't.csv:4: 0.25 s comes after 0.5 s; arrivals must ascend'
sed -i '$d' t.csv
expect 0 ./fbload sim trace.toml
says out '2 arrived, 2 complete'
expect 0 ./fbload sim s.toml --set client=http
says out 'http'

# The same in real time: a seeder of its own, and somebody else's.
for io in auto epoll; do
  expect 0 ./fbload run s.toml --peers 10 --arrivals 50/s --io "$io" --seed 5 --json real.json
  says out '10 arrived, 10 complete'
  grep -q '"mode": "real"' real.json || fail 'not a run in real time'
done
expect 0 ./fbload run web.toml --peers 5 --arrivals 50/s --threads 1
expect 0 ./fbload run s.toml --peers 10 --arrivals 50/s --threads 1 --sockets 10
expect 2 ./fbload run s.toml --set client=http
says err 'plain HTTP clients can only be simulated'
expect 2 ./fbload run --target http://example.org/
expect 2 ./fbload sim s.toml --target fb://127.0.0.1:1/
expect 2 ./fbload run s.toml --path x
says err 'content.path needs content.site'
expect 0 ./fbseed keygen --out load.key
./fbseed web --listen 127.0.0.1:0 --key load.key >load.link 2>load.log &
seed=$!
pids+=("$seed")
until_true test -s load.link
expect 0 ./fbload run --target "$(cat load.link)" --peers 5 --arrivals 50/s --json real.json
grep -qF "\"target\": \"$(cat load.link)\"" real.json || fail 'the target is not told'
expect 5 ./fbload run --target "$(cat load.link)" --peers 5 --arrivals 50/s --path nothing
kill -TERM "$seed"
wait "$seed" || fail 'the seeder did not end well'
expect 4 ./fbload run --target "$(cat load.link)" --peers 2 --arrivals 50/s --timeout 1s

# An interrupt ends the run, and what was measured is reported.
./fbload sim --peers 1000000 --arrivals 8/s --set content.sizes=4KiB --set stop.limit=24h --json stopped.json >out 2>err &
sim=$!
pids+=("$sim")
until_true grep -q 'complete [1-9]' err
kill -INT "$sim"
code=0
wait "$sim" || code=$?
[[ $code == 130 ]] || fail "an interrupted simulation ended with $code"
says out 'INTERRUPTED'
grep -q '"interrupted": true' stopped.json || fail 'the result does not say that it was interrupted'

# --- keys
expect 0 ./fbseed keygen --out k
[[ $(stat -c %a k) == 600 ]] || fail 'a key that others can read'
grep -qE '^[A-Za-z0-9_-]{43}$' out || fail 'no public key on stdout'
cp k k.before
expect 6 ./fbseed keygen --out k
cmp k k.before || fail 'a key was overwritten'
expect 2 ./fbseed keygen

# --- serving
mkdir -p site/sub/deep
echo '<h1>hello</h1>' >site/index.html
: >site/empty
head -c 1000000 /dev/urandom >site/big.bin
head -c 70000 /dev/urandom >'site/sub/deep/ä b.txt'
echo part >site/x
echo 'a file with the name of a part' >site/x.part
for i in {1..50}; do head -c $((i * 331)) /dev/urandom >site/sub/f"$i"; done
cat >seed.toml <<'END'
site = "site"
listen = "127.0.0.1:0"
key = "k"
rescan = "0"
status_interval = "100ms"
stats_json = "stats.json"
END
./fbseed serve --config seed.toml >link 2>seed.log &
seed=$!
pids+=("$seed")
until_true test -s link
link=$(head -n 1 link)
[[ $link =~ ^fb://127\.0\.0\.1:[0-9]+/#[A-Za-z0-9_-]{43}$ ]] || fail "the link is \"$link\""
port=${link#fb://127.0.0.1:}
port=${port%%/*}
grep -q 'serving "site": 56 files' seed.log || fail 'the log does not say what is served'

expect 6 ./fbseed serve site --listen "127.0.0.1:$port" --key k
says err "cannot listen on UDP 127.0.0.1:$port"

for io in auto epoll; do
  expect 0 ./fbpeer get "$link" --all -o "mirror-$io" --json --io "$io"
  says out '"schema": 1'
  says out '"files": 56'
  says out '"failed": []'
  [[ ! -s err ]] || fail 'fbpeer is not quiet on success'
  diff -r site "mirror-$io" || fail 'the mirror differs'
done
echo changed >mirror-auto/sub/f1
expect 0 ./fbpeer get "$link" --all -o mirror-auto --json
says out '"files": 1,'
says out '"skipped": 55'
diff -r site mirror-auto || fail 'the repaired mirror differs'

expect 0 ./fbpeer get "$link" -o one
cmp one/index.html site/index.html || fail 'index.html differs'
expect 0 ./fbpeer get "$link" 'sub/deep/ä b.txt' /big.bin big.bin -o one
cmp 'one/sub/deep/ä b.txt' 'site/sub/deep/ä b.txt' || fail 'a file with an umlaut differs'
cmp one/big.bin site/big.bin || fail 'big.bin differs'
expect 5 ./fbpeer get "$link" nothing index.html -o two
says err 'nothing: the site has no such file'
cmp two/index.html site/index.html || fail 'the file that exists was not fetched'
expect 2 ./fbpeer get "$link" ../etc/passwd
expect 2 ./fbpeer get "$link" x --all
: >in-the-way
expect 6 ./fbpeer get "$link" -o in-the-way
expect 6 ./fbpeer get "$link" -o in-the-way/below
wrong=${link%?????}AAAAA
expect 1 ./fbpeer get "$wrong" -o three --timeout 2s
says err 'not signed by the key in the link'
expect 4 ./fbpeer get "fb://127.0.0.1:9/#${link##*#}" -o three --timeout 500ms
says err 'the seeder does not answer'
expect 4 ./fbpeer get "fb://nowhere.invalid:9/#${link##*#}" -o three
if [[ -w /dev/full && $(stat -fc %T /dev/shm 2>/dev/null) == tmpfs ]] &&
  unshare -rm true 2>/dev/null; then
  expect 6 unshare -rm bash -c "mkdir small && mount -t tmpfs -o size=400k none small &&
    exec ./fbpeer get '$link' big.bin -o small"
  says err 'the disk is full'
fi

# --- reload
echo 'site_ = 1' >>seed.toml
kill -HUP "$seed"
until_true grep -q 'seed.toml:7:1: unknown key "site_"; did you mean "site"?' seed.log
until_true grep -q 'the old one stays in force' seed.log
sed -i '$d; s/127.0.0.1:0/127.0.0.1:1/' seed.toml
echo 'uplink = "50Mbit"' >>seed.toml
echo new >site/new.txt
kill -HUP "$seed"
until_true grep -q 'uplink is now "50Mbit" (was "0")' seed.log
until_true grep -q 'only after a restart: listen' seed.log
until_true grep -q 'the site changed: 57 files' seed.log
expect 0 ./fbpeer get "$link" new.txt -o one
cmp one/new.txt site/new.txt || fail 'the new file differs'
grep -q '"joins"' stats.json || fail 'no figures in stats.json'

# --- gateway
./fbpeer gateway "$link" --listen 127.0.0.1:0 >url 2>gateway.log &
gateway=$!
pids+=("$gateway")
until_true test -s url
url=$(head -n 1 url)
if command -v curl >/dev/null; then
  expect 0 curl -sf "$url"
  cmp out site/index.html || fail 'the gateway shows another page'
  expect 0 curl -sf "${url}big.bin"
  cmp out site/big.bin || fail 'the gateway gives another file'
  expect 22 curl -sf "${url}nothing"
  expect 0 curl -sf "${url}.flashback/status"
fi
kill -TERM "$gateway"
code=0
wait "$gateway" || code=$?
[[ $code == 0 ]] || fail "the gateway ended with $code"

# --- an interrupt leaves nothing half-written
sed -i 's/50Mbit/2Mbit/' seed.toml
kill -HUP "$seed"
until_true grep -q 'uplink is now "2Mbit"' seed.log
./fbpeer get "$link" --all -o broken >out 2>err &
get=$!
pids+=("$get")
until_true test -e broken/index.html
kill -INT "$get"
code=0
wait "$get" || code=$?
[[ $code == 130 ]] || fail "an interrupted get ended with $code"
[[ -z $(find broken -name '*.part' ! -path broken/x.part) ]] || fail 'parts were left behind'
while IFS= read -r file; do
  cmp "broken/$file" "site/$file" || fail "broken/$file is not whole"
done < <(cd broken && find . -type f)

# --- the end
kill -TERM "$seed"
code=0
wait "$seed" || code=$?
[[ $code == 0 ]] || fail "the seeder ended with $code"
grep -qE 'served [0-9]+ visitors' seed.log || fail 'no last line'

# --- a bare directory, and a key at the first start
rm link
./fbseed site --listen 127.0.0.1:0 --json-log >link 2>seed.log &
seed=$!
pids+=("$seed")
until_true test -s link
[[ $(stat -c %a state/flashback/site.key) == 600 ]] || fail 'no key was made'
grep -q '"message":"made a new key' seed.log || fail 'the new key is not told'
kill -INT "$seed"
wait "$seed" || fail 'SIGINT is a clean end'

# --- the tracepoints are those that are documented
readelf -n "$flashback" >out 2>err || fail 'readelf cannot read the program'
if grep -q 'Provider: flashback' out; then
  diff <(awk '/Provider: flashback/ { getline; print $2 }' out | sort -u) \
    <(sed -n '/^## Tracepoints/,/^## /s/^| `\([a-z_]*\)`.*/\1/p' "$documents/measuring.md" | sort -u) \
    >err || fail 'tracepoints and docs/measuring.md differ'
else
  echo 'skipped: the program was built without tracepoints (systemtap-sdt-dev)'
fi

((failures == 0)) || { echo "$failures failures"; exit 1; }
echo 'all is well'
