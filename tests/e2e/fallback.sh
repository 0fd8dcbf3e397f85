#!/usr/bin/env bash
# Where io_uring is refused, everything works with epoll, and the log says so once and why.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
deny=${helper:?the program deny_io_uring}

code=0
"$deny" true 2>probe.err || code=$?
((code != 77)) || skip "$(cat probe.err)"
((code == 0)) || fail "deny_io_uring ended with $code"

mkdir site
random_file 1048576 site/index.html
start seed "$deny" fbseed serve site --listen 127.0.0.1:0 --host 127.0.0.1 --key seed.key \
  --stats-json seed.json --status-interval 200ms
take_link seed
[[ $(grep -c 'io_uring is not available, epoll is used: ..*' seed.err) == 1 ]] ||
  fail 'the seeder does not say once why epoll is used'
[[ $(grep -c 'io_uring' seed.err) == 1 ]] || fail 'the seeder says more than one line of io_uring'
says seed.err 'listening on UDP .* with epoll'
ok "the seeder says it once: $(grep -o 'io_uring is not.*' seed.err)"

run 0 get 60 "$deny" fbpeer get "${link[seed]}" --output copy --quiet --log-level debug
same site/index.html copy/index.html
[[ $(grep -c 'io_uring is not available, epoll is used: ..*' get.err) == 1 ]] ||
  fail 'fbpeer does not say once why epoll is used'
ok 'fbpeer fetches with epoll on both sides'
run 0 quiet 60 "$deny" fbpeer get "${link[seed]}" --output copy2 --quiet
[[ ! -s quiet.err ]] || fail 'a visitor is told of it although nothing is wrong'
same site/index.html copy2/index.html
ok 'a visitor who did not ask for details is not told'

wait_until 20 'the figures' grep -q '"io": "epoll"' seed.json
ok 'the figures name epoll'
stop_seed seed

run 6 wanted 30 "$deny" fbseed serve site --listen 127.0.0.1:0 --key seed.key --io uring
says wanted.err 'io_uring'
[[ $(wc -l <wanted.err) == 1 && ! -s wanted.out ]] || fail 'more than a sentence'
ok "--io uring ends with 6: $(sed 's/^[^a-z]*error //' wanted.err)"
seed other site --io epoll
run 6 wanted 30 "$deny" fbpeer get "${link[other]}" --output copy3 --quiet --io uring
says wanted.err 'io_uring'
ok "fbpeer --io uring ends with 6: $(sed 's/^[^a-z]*error //' wanted.err)"
stop_seed other
