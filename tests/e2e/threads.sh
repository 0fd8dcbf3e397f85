#!/usr/bin/env bash
# A seeder with several threads on one port: visitors come to all of them and are one swarm, the
# site may change, and the port is nobody else's.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir site
random_file 400000 site/page
seed seed site --threads 3 --rescan 0s --uplink 4Mbit
says seed.err '3 threads'
ok "$(grep -o 'listening on.*' seed.err)"

# --- visitors: each has a port of its own, so the kernel spreads them
for i in $(seq 12); do
  start "get$i" fbpeer get "${link[seed]}" page --output "copy$i" --quiet
done
for i in $(seq 12); do
  wait_end "get$i" 120
  ((code == 0)) || fail "visitor $i ended with $code"
  same site/page "copy$i/page"
done
ok '12 visitors, all with the right file'
wait_until 20 'the counters of all threads' seed_stat_reaches seed node.joins 12
(($(seed_stat seed threads) == 3)) || fail 'the report does not tell the threads'
(($(seed_stat seed letters_lost) == 0)) || fail 'letters were lost'

# --- a crowd of as many addresses, thirty times what the line carries
run 0 crowd 120 fbload run --target "${link[seed]}" --path page --peers 120 --arrivals 40/s --sockets 120 \
  --quiet --json crowd.json
json_flat <crowd.json >crowd.flat
(($(json_value crowd.flat incomplete) == 0)) || fail 'visitors of the crowd got nothing'
ok "a crowd: $(json_value crowd.flat completed) complete"

# --- the port
for threads in 1 3; do
  run 6 second 20 fbseed site --threads "$threads" --listen "127.0.0.1:$(port_of seed)"
  says second.err 'Address already in use'
done
ok 'a second seeder on the port is refused'

# --- another version of the site, for all threads
random_file 300000 site/page.tmp && mv site/page.tmp site/page
kill -HUP "${pid[seed]}"
wait_until 20 'the new site' grep -q 'the site changed' seed.err
for i in $(seq 20); do  # a thread that none of them comes to: once in a thousand runs
  run 0 "new$i" 60 fbpeer get "${link[seed]}" page --output "new$i" --quiet
  same site/page "new$i/page"
done
ok 'all threads serve the new version'

stop_seed seed
says seed.err 'served [0-9]+ visitors'
ok "$(grep -o 'served.*' seed.err)"
