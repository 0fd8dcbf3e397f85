#!/usr/bin/env bash
# The seeder is killed in the middle of a crowd. Who can complete from the others does, the rest is
# told in time; and a seeder that comes back finds its visitors again.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

bytes=32768
mkdir site
random_file "$bytes" site/page
random_file 393216 site/big
seed seed site --uplink 600kbit
port=$(port_of seed)

# --- a crowd loses its seeder when somebody has the whole file and others still arrive
start load fbload run --target "${link[seed]}" --path page --peers 60 --arrivals 5/s \
  --timeout 8s --json load.json
# Then the swarm has every chunk, which a certain amount sent by the seeder would not prove.
wait_until 30 'somebody complete' grep -qE 'complete [1-9]' load.err
kill_hard seed
wait_end load 60
cat load.out
json_flat <load.json >load.flat
value() { json_value load.flat "$1"; }
completed=$(value completed)
stalled=$(value failures.stalled)
unreachable=$(value failures.unreachable)
((code == 1)) || fail "fbload ended with $code, not 1"
((completed > 0)) || fail 'nobody completed from the others'
((completed + stalled + unreachable == 60)) ||
  fail "$completed complete, $stalled stalled and $unreachable unreachable are not 60"
((unreachable > 0)) || fail 'nobody found the seeder unreachable'
[[ $(value failures.wrong_content) == 0 ]] || fail 'wrong content'
[[ $(value promise_broken) == 0 ]] || fail 'visitors uploaded more than was promised'
ok "$completed completed, $stalled stalled, $unreachable found no seeder; exit code 1"
# Those who were in the swarm may all complete without it; those who came later cannot.
says load.out 'failed .*unreachable'
((stalled == 0)) || says load.out 'failed .*stalled'
says load.out 'visitors .*60 arrived'
ok 'the table says so'
# 12 s of arrivals, 8 s of patience, and time to notice.
check "$(value seconds) < 40" 'the seconds until everybody knew'
ok "everybody knew after $(value seconds) s"

# --- nobody at home
run 4 dead 40 fbpeer get "${link[seed]}" page --output nothing --quiet --timeout 2s
says dead.err 'seeder'
[[ -z $(find nothing -type f) ]] || fail 'something was left behind'
ok "a dead seeder ends with 4: $(sed 's/^[^a-z]*error //' dead.err)"

# --- the seeder comes back with its key, on its port
# A killed process's socket may outlive it for a moment (the kernel ends a ring in the background),
# so the port may be taken at first; a service manager would start the seeder once more, too.
try_again() {  # UPLINK
  start seed fbseed serve site --listen "127.0.0.1:$port" --host 127.0.0.1 --key seed.key \
    --stats-json seed.json --status-interval 200ms --uplink "$1"
  wait_until 30 'the seeder' line_or_end seed
  [[ -s seed.out ]] || { grep -q 'in use' seed.err && return 1; }
}
again() {  # UPLINK
  local before=${link[seed]}
  rm -f seed.json
  until try_again "$1"; do
    note 'the port of the killed seeder is still in use'
    ((++tries < 50)) || fail 'the port of the killed seeder stays in use'
    sleep 0.2
  done
  take_link seed
  [[ ${link[seed]} == "$before" ]] || fail 'the link has changed'
}
tries=0
again 400kbit
run 0 fresh 60 fbpeer get "${link[seed]}" page --output fresh --quiet
same site/page fresh/page
ok 'a seeder that is started again serves under the same link'

# --- a visitor in the middle of a file does not lose it
start middle fbpeer get "${link[seed]}" big --output middle --quiet --json --timeout 60s
wait_until 30 'half of the big file' seed_stat_reaches seed engine.bytes_sent $((bytes + 163840))
ended middle && fail 'the file was fetched too soon'
kill_hard seed
again 8Mbit
wait_end middle 90
((code == 0)) || fail "the visitor in the middle ended with $code"
same site/big middle/big
ok 'a visitor who was in the middle completes, bit for bit'
# What was there already is not fetched again: a chunk or so may be, that was on its way.
json_flat <middle.out >middle.flat
(($(json_value middle.flat downloaded) < 393216 * 5 / 4)) || fail 'it was fetched from the start'
ok "and goes on where it was: $(json_value middle.flat downloaded) of 393216 bytes received in all"
stop_seed seed
