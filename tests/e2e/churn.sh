#!/usr/bin/env bash
# Half of those in the swarm vanish without a word, every 5 s. Everybody else completes.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir site
random_file 131072 site/page
seed seed site --uplink 800kbit
run 0 load 150 fbload run --target "${link[seed]}" --path page --peers 200 --arrivals 20/s \
  --kill-every 5s --kill-share 50% --json load.json
cat load.out
json_flat <load.json >load.flat
value() { json_value load.flat "$1"; }

(($(value killed) > 0)) || fail 'nobody was killed'
(($(value completed) > 0)) || fail 'nobody completed'
(($(value completed) + $(value killed) == 200)) ||
  fail "$(value completed) complete and $(value killed) killed are not 200"
[[ $(value incomplete) == 0 && $(value promise_broken) == 0 ]] || fail 'incomplete, or too much sent'
ok "$(value killed) were killed, all other $(value completed) completed"
alive seed || fail 'the seeder died'
stop_seed seed
ok 'the seeder lived through it'
