#!/usr/bin/env bash
# Strangers throw at a seeder and at a visitor whatever they like. Both live, still serve, count
# each drop under its reason, and never send a stranger more than three times what it sent.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
sender=${helper:?the program hostile_sender}
number=$RANDOM
note "to replay: hostile_sender seeder LINK/page#KEY $number PROFILE"

mkdir site
random_file 131072 site/page
random_file 1048576 site/large

# "NAME KEY": from the sender's report.
told() { sed -nE "s/^$1 .*$2=([0-9]+).*/\1/p" "$3"; }  # NAME KEY FILE
# Nobody who has not proved its address may get more than three times its bytes.
judge_amplification() {  # FILE WHO
  local name sent bytes replies
  while read -r name sent bytes replies; do
    bytes=${bytes#*=} replies=${replies#*=}
    [[ $name != proven* ]] || continue
    ((replies <= 3 * bytes)) || fail "$2: $name got $replies bytes for $bytes"
    ok "$2: $name: ${sent#*=} datagrams, $bytes bytes; $replies bytes came back"
  done <"$1"
}

# --- a seeder, and a visitor who is served meanwhile
attack_seeder() {  # PROFILE
  local reason attack sent count lost set=(--set "roulette.profile=$1")
  rm -rf meanwhile after
  seed seed site --uplink 20Mbit "${set[@]}"
  start visitor fbpeer get "${link[seed]}" large --output meanwhile --quiet "${set[@]}"
  run 0 attack 120 "$sender" seeder "${link[seed]/\/#//page#}" "$number" "$1"
  alive seed || fail 'the seeder died'
  wait_end visitor 60
  ((code == 0)) || fail "a visitor during the attack ended with $code"
  same site/large meanwhile/large
  ok 'a visitor during the attack was served, bit for bit'
  judge_amplification attack.out "$1 seeder"

  kill -0 "${pid[seed]}" || fail 'the seeder died'
  run 0 get 60 fbpeer get "${link[seed]}" page --output after --quiet "${set[@]}"
  same site/page after/page
  ok 'the seeder lives and serves'

  stop_seed seed
  lost=$(seed_stat seed engine.kernel_receive_drops)
  # Each attack that leaves no doubt about the reason, and how many drops it must have made.
  while read -r reason attack; do
    sent=$(told "$attack" sent attack.out)
    count=$(seed_stat seed "node.drops.$reason")
    ((count >= sent - lost && count > 0)) || fail "$1: $reason is $count after $sent datagrams of $attack"
    ok "$reason: $count (of them $attack: $sent)"
  done <<'END'
too_short short
version version
unknown_type type
malformed truncated
unknown_token token
wrong_role role
profile profile
END
  if [[ $1 == classic ]]; then
    (($(seed_stat seed node.drops.bad_cookie) > 0)) || fail 'a false cookie is not counted'
  fi
  (($(seed_stat seed node.drops.changed_address) > 0)) || fail 'a stolen token is not counted'
  ok "changed_address: $(seed_stat seed node.drops.changed_address)"
  (($(seed_stat seed node.neighbours_met) <= 10)) || fail 'strangers became neighbours'
  ok "only who proved its address became a neighbour: $(seed_stat seed node.neighbours_met)"
}
attack_seeder v2
attack_seeder classic

# --- a visitor's own port
udp_port() {  # PROCESS: the port of its UDP socket
  local socket
  for socket in /proc/"$1"/fd/*; do
    socket=$(readlink -- "$socket") || continue
    [[ $socket == socket:* ]] || continue
    socket=${socket#socket:[} socket=${socket%]}
    awk -v inode="$socket" '$10 == inode { split($2, at, ":"); print at[2] }' "/proc/$1/net/udp"
  done | head -n 1
}
seed seed site
start gateway fbpeer gateway "${link[seed]}" --listen 127.0.0.1:0
wait_until 30 'the address of the gateway' line_or_end gateway
url=$(head -n 1 gateway.out)
needs curl
curl -sS --max-time 30 -o first "${url}page"
same site/page first
port=$((16#$(udp_port "${pid[gateway]}")))
run 0 attack 120 "$sender" peer "127.0.0.1:$port" "$number" v2
alive gateway || fail 'the gateway died'
judge_amplification attack.out visitor
curl -sS --max-time 60 -o second "${url}large"
same site/large second
ok 'the gateway lives and fetches'
curl -sS --max-time 30 "${url}.flashback/status.json" | json_flat >status.flat
lost=$(json_value status.flat engine.kernel_receive_drops)
while read -r reason attack; do
  sent=$(told "$attack" sent attack.out)
  count=$(json_value status.flat "node.drops.$reason")
  ((${count:-0} >= sent - lost && ${count:-0} > 0)) ||
    fail "visitor: $reason is ${count:-0} after $sent datagrams of $attack"
  ok "visitor: $reason: $count (of them $attack: $sent)"
done <<'END'
too_short short
version version
unknown_type type
malformed truncated
unknown_token token
END
kill -TERM "${pid[gateway]}"
wait_end gateway 20
((code == 0)) || fail "the gateway ended with $code"
stop_seed seed
