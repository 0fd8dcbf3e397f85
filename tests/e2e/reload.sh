#!/usr/bin/env bash
# A seeder in the hands of its operator: reload, a changed site, a second instance, the end. And
# the visitor's disk is full.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

bytes=262144
mkdir site
random_file "$bytes" site/page
cp site/page old
cat >seed.toml <<'END'
uplink = "100kbit"
rescan = "0s"
END
seed seed site --config seed.toml
hang_up() { kill -HUP "${pid[seed]}"; }
lines() { grep -cE -- "$2" "$1" || true; }  # FILE PATTERN
more_lines() { (($(lines "$1" "$2") > $3)); }

# --- a good configuration
# At 100 kbit/s the rest would take some 20 s.
start get fbpeer get "${link[seed]}" page --output first --quiet --json
wait_until 30 'the transfer' seed_stat_reaches seed engine.bytes_sent 30000
printf 'uplink = "8Mbit"\nrescan = "0s"\nlog_level = "debug"\n' >seed.toml
hang_up
wait_until 20 'the reload' grep -q 'uplink is now "8Mbit" (was "100kbit")' seed.err
wait_end get 60
((code == 0)) || fail "fbpeer get ended with $code"
same site/page first/page
json_flat <get.out >get.flat
check "$(json_value get.flat seconds) < 15" 'the new uplink is not in force'
ok "a new uplink is in force at once, a transfer under way took $(json_value get.flat seconds) s"

# --- a key that cannot change while it runs
printf 'uplink = "8Mbit"\nrescan = "0s"\nlog_level = "debug"\nio = "epoll"\n' >seed.toml
hang_up
wait_until 20 'the warning' grep -qE 'only after a restart: io' seed.err
ok 'what needs a restart is named'

# --- a wrong configuration
printf 'uplink = "8Mbit"\nrescan = "0s"\n  uplnk = "1Mbit"\n' >seed.toml
hang_up
wait_until 20 'the complaint' grep -q 'the old one stays in force' seed.err
says seed.err 'seed\.toml:3:3: .*uplnk.*did you mean'
ok "a wrong configuration: $(grep -o 'seed\.toml:3:3.*' seed.err)"
says_not seed.err 'uplink is now "1Mbit"'
run 0 get 60 fbpeer get "${link[seed]}" page --output second --quiet
same site/page second/page
ok 'the old configuration stays in force'

# --- a file changes while it is being fetched
printf 'uplink = "200kbit"\nrescan = "0s"\n' >seed.toml
hang_up
wait_until 20 'the slow uplink' grep -q 'uplink is now "200kbit"' seed.err
before=$(seed_stat seed engine.bytes_sent)
start oldget fbpeer get "${link[seed]}" page --output oldcopy --quiet --json
wait_until 30 'the transfer' seed_stat_reaches seed engine.bytes_sent $((before + 60000))
random_file "$bytes" new
cp new site/page.tmp && mv site/page.tmp site/page
hang_up
wait_until 20 'the new site' grep -q 'the site changed' seed.err
ended oldget && fail 'the transfer ended too soon to show anything'
start newget fbpeer get "${link[seed]}" page --output newcopy --quiet
sleep 0.5  # both at a time, for a moment on the slow line
printf 'uplink = "4Mbit"\nrescan = "0s"\n' >seed.toml
hang_up
wait_end oldget 90
((code == 0)) || fail "the transfer of the old file ended with $code"
same old oldcopy/page
ok 'a transfer of the old file goes on, bit for bit'
wait_end newget 90
((code == 0)) || fail "the transfer of the new file ended with $code"
same new newcopy/page
ok 'new visitors get the new file'

# --- files come and go
printf 'fresh' >site/added.txt
rm site/page
count=$(lines seed.err 'the site changed')
hang_up
wait_until 20 'the new site' more_lines seed.err 'the site changed' "$count"
run 0 get 30 fbpeer get "${link[seed]}" added.txt --output third --quiet
same site/added.txt third/added.txt
run 5 get 30 fbpeer get "${link[seed]}" page --output third --quiet
says get.err 'page: the site has no such file'
ok 'an added file is there, a removed one is not found: exit code 5'
count=$(lines seed.err 'the site has not changed')
hang_up
wait_until 20 'nothing new' more_lines seed.err 'the site has not changed' "$count"
ok 'no change is said too'

# --- rescan without a signal
printf 'uplink = "4Mbit"\nrescan = "100ms"\n' >seed.toml
hang_up
wait_until 20 'the interval' grep -q 'rescan is now "100ms"' seed.err
printf 'noticed' >site/noticed.txt
got_it() { timeout 20 fbpeer get "${link[seed]}" noticed.txt --output fourth --quiet; }
wait_until 30 'the noticed file' got_it
same site/noticed.txt fourth/noticed.txt
ok 'a change is noticed without a signal'

# --- a second instance
run 6 twice 30 fbseed serve site --listen "127.0.0.1:$(port_of seed)" --key seed.key
says twice.err "cannot listen on UDP 127\.0\.0\.1:$(port_of seed): .*in use"
[[ ! -s twice.out ]] || fail 'it printed a link'
ok "a second instance on the port ends with 6: $(sed 's/^[^a-z]*error //' twice.err)"
run 0 get 30 fbpeer get "${link[seed]}" added.txt --output fifth --quiet
ok 'and the first one still serves'

# --- no place for the copy
random_file 3145728 site/large
large_there() { timeout 20 fbpeer get "${link[seed]}" large --output probe --quiet; }
wait_until 60 'the large file' large_there
no_traces() {  # DIRECTORY
  [[ -z $(find "$1" -type f) ]] || fail "left behind: $(find "$1" -type f | head -n 3)"
}
mkdir small
if mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
  mounted=$scratch/small
  run 6 full 30 fbpeer get "${link[seed]}" large --output small --quiet
  says full.err 'large.*the disk is full'
  no_traces small
  ok "a full disk ends with 6 and leaves nothing: $(sed 's/^[^a-z]*error //' full.err | head -n 1)"
  umount small
  mounted=''
else
  note 'not tested on a full file system: none can be mounted here'
fi
# bash counts in blocks of 1024 bytes.
limited() { (trap '' XFSZ && ulimit -f 1024 && exec fbpeer "$@"); }
start limited limited get "${link[seed]}" large --output limited --quiet
wait_end limited 30
((code == 6)) || fail "with a file size limit it ended with $code, not 6"
says limited.err 'large'
no_traces limited
ok "a file size limit ends with 6 and leaves nothing: $(sed 's/^[^a-z]*error //' limited.err |
  head -n 1)"

# --- the end
started=$SECONDS
stop_seed seed
((SECONDS - started <= 3)) || fail "SIGTERM took $((SECONDS - started)) s"
says seed.err 'served [0-9]+ visitors, .* out, .* in, in [0-9.]+ s'
grep -q '"schema": 1' seed.json || fail 'the last figures were not written'
ok "SIGTERM ends it with 0: $(grep -o 'served [0-9]* visitors.*' seed.err)"
