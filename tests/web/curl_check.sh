#!/bin/sh
# curl_check.sh GATEWAY_FAKE_SITE: an independent client agrees with the gateway on bodies, ranges,
# HEAD and conditions. Exit code 77: skipped, there is no curl.
set -u
if ! command -v curl >/dev/null 2>&1; then
  echo "SKIPPED: curl is not installed" >&2
  exit 77
fi
site=$1
dir=$(mktemp -d) || exit 1
mkdir -p "$dir/www/docs" && mkfifo "$dir/stop" "$dir/address" || exit 1
head -c 3000000 /dev/urandom >"$dir/www/large"
echo '<h1>home</h1>' >"$dir/www/index.html"
echo '<h1>docs</h1>' >"$dir/www/docs/index.html"

"$site" "$dir/www" <"$dir/stop" >"$dir/address" &
pid=$!
exec 3>"$dir/stop"
read -r address <"$dir/address"
failures=0

finish() {
  exec 3>&-
  wait "$pid" || failures=$((failures + 1))
  rm -rf "$dir"
  [ "$failures" -eq 0 ] || { echo "$failures checks failed" >&2; exit 1; }
  exit 0
}
fetch() { curl -sS --max-time 30 --noproxy '*' "$@"; }
expect() {  # WHAT WANTED GOT
  [ "$2" = "$3" ] && return
  echo "FAILED: $1: wanted '$2', got '$3'" >&2
  failures=$((failures + 1))
}
same() {  # WHAT FILE FILE
  cmp -s "$2" "$3" && return
  echo "FAILED: $1: the bytes differ" >&2
  failures=$((failures + 1))
}
status() { fetch -o /dev/null -w '%{http_code}' "$@"; }
if [ -z "$address" ]; then
  echo "FAILED: the server did not start" >&2
  failures=1
  finish
fi
url="http://$address"

fetch -o "$dir/out" "$url/large"
same "the whole file" "$dir/www/large" "$dir/out"
fetch -o "$dir/out" "$url/" && same "the index" "$dir/www/index.html" "$dir/out"
fetch -L -o "$dir/out" "$url/docs" && same "a redirect" "$dir/www/docs/index.html" "$dir/out"

fetch -o "$dir/out" -r 1000-1999999 "$url/large"
tail -c +1001 "$dir/www/large" | head -c 1999000 >"$dir/want"
same "a range" "$dir/want" "$dir/out"
fetch -o "$dir/out" -r -500 "$url/large"
tail -c 500 "$dir/www/large" >"$dir/want"
same "a suffix" "$dir/want" "$dir/out"
expect "a range beyond the end" 416 "$(status -r 3000000- "$url/large")"

# A download that broke off goes on where it was.
head -c 1234567 "$dir/www/large" >"$dir/out"
fetch -o "$dir/out" -C - "$url/large"
same "a resumed download" "$dir/www/large" "$dir/out"

fetch -D "$dir/get" -o /dev/null "$url/large"
fetch -I -o "$dir/head" "$url/large"
grep -vi '^date:' "$dir/get" >"$dir/get_fields"
grep -vi '^date:' "$dir/head" >"$dir/head_fields"
same "HEAD and GET" "$dir/get_fields" "$dir/head_fields"

etag=$(sed -n 's/^[Ee][Tt]ag: *\("[^"]*"\).*/\1/p' "$dir/get")
expect "If-None-Match" 304 "$(status -H "If-None-Match: $etag" "$url/large")"
expect "another tag" 200 "$(status -H 'If-None-Match: "other"' "$url/large")"
expect "a missing page" 404 "$(status "$url/nothing")"
expect "a foreign host" 421 "$(status -H 'Host: evil.example' "$url/")"
expect "an escape" 400 "$(status --path-as-is "$url/../etc/passwd")"
expect "a POST" 405 "$(status -d 'a=b' "$url/")"
expect "an upload that waits" 405 "$(status -T "$dir/www/docs/index.html" -H 'Expect: 100-continue' "$url/x")"
expect "a large upload" 413 "$(status -T "$dir/www/large" "$url/x")"
expect "the status page" 200 "$(status "$url/.flashback/status")"
finish
