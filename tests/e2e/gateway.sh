#!/usr/bin/env bash
# An independent HTTP client against the gateway: bodies, ranges, conditions, errors, directories.
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
needs curl

mkdir -p 'site/docs/sub dir' site/empty-dir
random_file 5242880 site/large.bin
printf '<!doctype html><title>front</title>' >site/index.html
printf '<!doctype html><title>docs</title>' >site/docs/index.html
printf 'body { color: red }' >site/style.css
printf 'let a = 1;' >site/script.js
printf 'plain' >'site/docs/sub dir/größe & 100%.txt'
printf '{}' >site/data.json
printf '\211PNG\r\n\032\n' >site/image.png
printf '<svg xmlns="http://www.w3.org/2000/svg"/>' >site/image.svg
: >site/empty.txt
printf 'what' >site/unknown.zzz

fetch() { curl -sS --max-time 60 "$@"; }
status() { fetch -o /dev/null -w '%{http_code}' "$@"; }
expect() {  # WHAT WANTED GOT
  [[ $2 == "$3" ]] || fail "$1: wanted '$2', got '$3'"
}
field() { tr -d '\r' <"$1" | sed -n "s/^$2: *//Ip" | tail -n 1; }  # FILE NAME
slice() {  # OFFSET LENGTH
  dd if=site/large.bin iflag=skip_bytes,count_bytes,fullblock bs=64K skip="$1" count="$2" status=none
}

# The part of the checks that any web server has to pass, so that a common one can be the judge.
requests() {  # WHO URL
  local who=$1 url=$2 tag
  fetch -D head -o out "$url/large.bin"
  same out site/large.bin
  expect 'the length' 5242880 "$(field head content-length)"
  fetch -I -o head2 "$url/large.bin"
  expect 'HEAD' "$(grep -vi '^date:' head)" "$(grep -vi '^date:' head2)"
  ok "$who: GET and HEAD of 5 MiB"

  expect 'a range' 206 "$(fetch -D head -o out -w '%{http_code}' -r 1000-1999999 "$url/large.bin")"
  slice 1000 1999000 | cmp -s - out || fail 'a range differs'
  expect 'Content-Range' 'bytes 1000-1999999/5242880' "$(field head content-range)"
  expect 'a suffix' 206 "$(fetch -o out -w '%{http_code}' -r -777 "$url/large.bin")"
  slice 5242103 777 | cmp -s - out || fail 'a suffix range differs'
  expect 'an open range' 206 "$(fetch -o out -w '%{http_code}' -r 5000000- "$url/large.bin")"
  slice 5000000 242880 | cmp -s - out || fail 'an open range differs'
  expect 'one byte' 206 "$(fetch -o out -w '%{http_code}' -r 0-0 "$url/large.bin")"
  slice 0 1 | cmp -s - out || fail 'the first byte differs'
  expect 'a range beyond the end' 416 "$(fetch -D head -o /dev/null -w '%{http_code}' \
    -r 5242880- "$url/large.bin")"
  expect 'Content-Range of 416' 'bytes */5242880' "$(field head content-range)"
  ok "$who: single, suffix and open ranges, 416"

  # A server may answer several ranges with multipart/byteranges or with the whole (RFC 9110, 14.2).
  expect_multi "$(fetch -D head -o out -w '%{http_code}' -r 0-99,2000-2999 "$url/large.bin")"
  ok "$who: several ranges ($(field head content-type))"

  tag=$(fetch -I "$url/style.css" | tr -d '\r' | sed -n 's/^etag: *//Ip')
  [[ -n $tag ]] || fail 'no ETag'
  expect 'If-None-Match' 304 "$(status -H "If-None-Match: $tag" "$url/style.css")"
  expect 'If-None-Match of another' 200 "$(status -H 'If-None-Match: "other"' "$url/style.css")"
  expect 'If-Range' 206 "$(status -r 0-4 -H "If-Range: $tag" "$url/style.css")"
  expect 'If-Range of another' 200 "$(status -r 0-4 -H 'If-Range: "other"' "$url/style.css")"
  ok "$who: If-None-Match and If-Range"

  expect 'a missing file' 404 "$(status "$url/nothing.html")"
  expect 'the front page' "$(cat site/index.html)" "$(fetch "$url/")"
  expect 'a directory' "$(cat site/docs/index.html)" "$(fetch "$url/docs/")"
  expect 'a redirect' 301 "$(status "$url/docs" | sed 's/30[178]/301/')"
  expect 'the redirect followed' "$(cat site/docs/index.html)" "$(fetch -L "$url/docs")"
  expect 'an encoded name' plain \
    "$(fetch "$url/docs/sub%20dir/gr%C3%B6%C3%9Fe%20%26%20100%25.txt")"
  expect 'an empty file' '200 0' "$(fetch -o out -w '%{http_code} %{size_download}' "$url/empty.txt")"
  ok "$who: 404, index pages, a redirect, an encoded name, an empty file"
}
expect_multi() {  # STATUS
  case $1 in
    200) same out site/large.bin ;;
    206)
      [[ $(field head content-type) == multipart/byteranges* ]] || fail 'not multipart/byteranges'
      grep -aqi 'Content-Range: bytes 0-99/5242880' out || fail 'no first part'
      grep -aqi 'Content-Range: bytes 2000-2999/5242880' out || fail 'no second part'
      # Each slice must be inside, in a body that is not much longer than both.
      slice 0 100 | od -An -v -tx1 | tr -d ' \n' >want1
      slice 2000 1000 | od -An -v -tx1 | tr -d ' \n' >want2
      od -An -v -tx1 out | tr -d ' \n' >got
      grep -qFf want1 got && grep -qFf want2 got || fail 'a part differs'
      (($(stat -c %s out) < 2000)) || fail 'the parts are too long'
      ;;
    *) fail "several ranges: $1" ;;
  esac
}

seed seed site
start gateway fbpeer gateway "${link[seed]}" --listen 127.0.0.1:0
wait_until 30 'the address of the gateway' line_or_end gateway
url=$(head -n 1 gateway.out)
[[ $url == http://127.0.0.1:*/ ]] || fail "no address: $url"
url=${url%/}
requests gateway "$url"

while read -r file type; do
  expect "the type of $file" "$type" "$(fetch -I "$url/$file" | tr -d '\r' |
    sed -n 's/^content-type: *//Ip')"
done <<'END'
index.html text/html; charset=utf-8
style.css text/css; charset=utf-8
script.js text/javascript; charset=utf-8
data.json application/json; charset=utf-8
image.png image/png
image.svg image/svg+xml; charset=utf-8
large.bin application/octet-stream
unknown.zzz application/octet-stream
END
ok 'content types'

expect 'a directory without an index' 404 "$(status "$url/empty-dir/")"
expect 'POST' 405 "$(status -d a=b "$url/")"
expect 'a foreign host' 421 "$(status -H 'Host: evil.example' "$url/")"
expect 'an escape' 400 "$(status --path-as-is "$url/../secret")"
expect 'the status page' 200 "$(status "$url/.flashback/status")"
fetch "$url/.flashback/status.json" | json_flat >status.flat || fail 'the status is no JSON'
[[ $(json_value status.flat program) == fbpeer ]] || fail 'the status is not ours'
ok '405, 421, 400, the status page'

for ((i = 0; i < 8; ++i)); do
  start "parallel$i" curl -sS --max-time 60 -o "parallel$i.body" "$url/large.bin"
done
for ((i = 0; i < 8; ++i)); do
  wait_end "parallel$i" 90
  ((code == 0)) || fail "a parallel request ended with $code"
  same "parallel$i.body" site/large.bin
done
ok 'eight requests for 5 MiB at a time'

kill -TERM "${pid[gateway]}"
wait_end gateway 20
((code == 0)) || fail "the gateway ended with $code"
says gateway.err '[0-9]+ requests; downloaded'
ok 'SIGTERM ends it with 0 and a summary'

# The same questions to a common web server, so that the expectations are not only ours.
if ! command -v nginx >/dev/null 2>&1; then
  note 'not compared with nginx, which is not installed'
else
  port=$((20000 + RANDOM % 10000))
  cat >nginx.conf <<END
daemon off; pid $scratch/nginx.pid; error_log $scratch/nginx.err; events {}
http { access_log off; client_body_temp_path $scratch/t1; proxy_temp_path $scratch/t2;
  fastcgi_temp_path $scratch/t3; uwsgi_temp_path $scratch/t4; scgi_temp_path $scratch/t5;
  server { listen 127.0.0.1:$port; root $scratch/site; index index.html; } }
END
  chmod o+rx "$scratch"
  start nginx nginx -c "$scratch/nginx.conf" -p "$scratch"
  wait_until 20 'nginx' curl -sS -o /dev/null "http://127.0.0.1:$port/"
  requests nginx "http://127.0.0.1:$port"
fi
stop_seed seed
