# shellcheck shell=bash
# What the end-to-end tests share; sourced by bash. The test's first argument is the built program.
#
# A test prints "ok: …" for each check, ends at the first that fails, and leaves nothing running.
# Nothing is asserted about milliseconds: what has to come is polled for, with a generous bound.
# What the programs wrote is kept when a test fails, in $FB_ARTIFACTS, or else in meson's log
# directory ($FB_E2E_LOGS).
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/../../tools/common.sh"

flashback=$(realpath -- "${1:?the built program}")
helper=${2:+$(realpath -- "$2")}  # a program of this folder that some tests need
test_name=$(basename -- "$0" .sh)
artifacts=${FB_ARTIFACTS:-${FB_E2E_LOGS:-}}
scratch=$(mktemp -d)
mounted=''
declare -A pid=() link=()  # of what start and seed started, by name

# Settings of whoever runs the tests are not the tests'.
for name in "${!FBSEED_@}" "${!FBPEER_@}" "${!FBLOAD_@}"; do unset "$name"; done
unset name STATE_DIRECTORY NOTIFY_SOCKET http_proxy https_proxy all_proxy
export HOME=$scratch/home XDG_STATE_HOME=$scratch/state LC_ALL=C.UTF-8 no_proxy='*'
mkdir -- "$scratch/bin" "$HOME"
for program in fbseed fbpeer fbload; do ln -s -- "$flashback" "$scratch/bin/$program"; done
PATH=$scratch/bin:$PATH
cd -- "$scratch"

ok() { printf 'ok: %s\n' "$*"; }
note() { printf 'note: %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
skip() {
  printf 'SKIPPED: %s\n' "$*"
  exit 77
}
needs() {  # PROGRAM...
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || skip "$program is not installed"
  done
}

finish() {
  local status=$? name log
  trap - EXIT INT TERM
  set +e
  for name in "${!pid[@]}"; do kill -KILL "${pid[$name]}" 2>/dev/null; done
  wait 2>/dev/null
  if ((status != 0 && status != 77)); then
    for log in "$scratch"/*.err; do [[ ! -s $log ]] || show_log "$log" 15; done
    if [[ -n $artifacts ]] && mkdir -p -- "$artifacts/$test_name"; then
      find "$scratch" -maxdepth 1 -type f -size -4M -exec cp -t "$artifacts/$test_name" -- {} +
      printf 'files: %s\n' "$artifacts/$test_name" >&2
    fi
  fi
  [[ -z $mounted ]] || umount -l -- "$mounted"
  cd / && rm -rf -- "$scratch"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Polls until the command succeeds; fails the test when it does not within the seconds.
wait_until() {  # SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" 2>/dev/null; do
    ((SECONDS <= deadline)) || fail "not in time: $what"
    sleep 0.05
  done
}

# Starts COMMAND; its output goes to NAME.out and NAME.err, its process number to pid[NAME].
start() {  # NAME COMMAND...
  local name=$1
  shift
  : >"$name.out" 2>"$name.err"  # of an earlier one of this name, before anybody looks
  "$@" >"$name.out" 2>"$name.err" </dev/null &
  pid[$name]=$!
}

alive() { kill -0 "${pid[$1]}" 2>/dev/null; }
ended() { ! alive "$1"; }
line_or_end() { [[ -s $1.out ]] || ended "$1"; }

# Waits for the end of what start started; its exit code goes to `code`.
wait_end() {  # NAME SECONDS
  wait_until "$2" "the end of $1" ended "$1"
  code=0
  wait "${pid[$1]}" || code=$?
  unset "pid[$1]"
}

# The link of a seeder that was started as NAME, once it is there.
take_link() {  # NAME
  wait_until 30 "the link of $1" line_or_end "$1"
  link[$1]=$(head -n 1 -- "$1.out")
  [[ ${link[$1]} == fb://* ]] || fail "$1 printed no link"
}

# A seeder on a free port, with its own key and its counters in NAME.json.
seed() {  # NAME DIRECTORY ARGUMENT...
  local name=$1 directory=$2
  shift 2
  start "$name" fbseed serve "$directory" --listen 127.0.0.1:0 --host 127.0.0.1 \
    --key "$name.key" --stats-json "$name.json" --status-interval 200ms "$@"
  take_link "$name"
}

port_of() { sed -E 's,^fb://[^/]*:([0-9]+)/.*,\1,' <<<"${link[$1]}"; }

# One value of the seeder's counters, as they were written last; 0 when it is not there.
seed_stat() {  # NAME KEY
  local value
  json_flat <"$1.json" >"$1.flat" 2>/dev/null || true
  value=$(json_value "$1.flat" "$2")
  printf '%s' "${value:-0}"
}
seed_stat_reaches() { (($(seed_stat "$1" "$2") >= $3)); }

# Asks the seeder to end, which it must do in time, politely.
stop_seed() {  # NAME
  kill -TERM "${pid[$1]}"
  wait_end "$1" 20
  ((code == 0)) || fail "the seeder ended with $code"
}

# Runs COMMAND to NAME.out and NAME.err; fails the test when it does not end with CODE in time.
run() {  # CODE NAME SECONDS COMMAND...
  local wanted=$1 name=$2 bound=$3
  shift 3
  code=0
  timeout -k 5 "$bound" "$@" >"$name.out" 2>"$name.err" </dev/null || code=$?
  [[ $code == "$wanted" ]] || fail "$name ended with $code, not $wanted: $*"
}

says() { grep -qE -- "$2" "$1" || fail "$1 does not say \"$2\""; }
says_not() { ! grep -qE -- "$2" "$1" || fail "$1 says \"$2\""; }
same() { cmp -s -- "$1" "$2" || fail "$1 and $2 differ"; }

# Arithmetic with fractions, as awk understands it: holds '12.5 < 20'
holds() { awk "BEGIN { exit !($1) }" </dev/null; }
check() {  # EXPRESSION WHAT
  holds "$1" || fail "$2: $1"
}

random_file() { head -c "$1" /dev/urandom >"$2"; }  # BYTES FILE

# Ends what was started as NAME without giving it a chance to say goodbye.
kill_hard() {  # NAME
  { kill -KILL "${pid[$1]}" && wait "${pid[$1]}"; } 2>/dev/null || true
  unset "pid[$1]"
}

# A Chromium for `browse`; skips the test when there is none, or when it does not start here.
browser=''
needs_browser() {
  local name
  for name in chromium chromium-browser google-chrome chrome chromium-headless-shell; do
    if command -v "$name" >/dev/null 2>&1; then
      browser=$name
      break
    fi
  done
  [[ -n $browser ]] || skip 'Chromium is not installed'
  browse probe --dump-dom 'data:text/html,<p>works' && grep -q works probe.out ||
    skip "$browser does not start here: $(grep -m 1 -iE 'error|fatal|cannot' probe.err || echo 'no page')"
}

# Without a screen; a profile of its own for each visit, so that nothing is cached. To NAME.out and
# NAME.err.
browse() {  # NAME ARGUMENT...
  local name=$1
  shift
  timeout -k 5 80 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-dev-shm-usage --disable-background-networking --disable-component-update \
    --disable-sync --hide-scrollbars --no-proxy-server --window-size=800,600 \
    --user-data-dir="$scratch/profile-$name" --virtual-time-budget=30000 "$@" \
    >"$name.out" 2>"$name.err" </dev/null
}
