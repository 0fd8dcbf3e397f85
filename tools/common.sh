# shellcheck shell=bash
# Functions that the tools share; sourced by bash, not run. Needs: set -euo pipefail.

repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# Styles only where a person looks.
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' red='' plain=''
fi

heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '   %s\n' "$*"; }
warn() { printf '%s   %s%s\n' "$red" "$*" "$plain" >&2; }
die() {
  printf '%s%s: %s%s\n' "$red" "$(basename -- "$0")" "$*" "$plain" >&2
  exit 1
}

# The last lines of a log that nobody had to see until something failed.
show_log() {  # FILE [LINES]
  printf '%s\n' "--- the end of $1:" >&2
  tail -n "${2:-60}" -- "$1" >&2 || true
  printf '%s\n' '---' >&2
}

# Runs a command with its output in a log; shows the log's end only when it fails.
logged() {  # LOG COMMAND...
  local log=$1
  shift
  if ! "$@" </dev/null >>"$log" 2>&1; then
    show_log "$log"
    return 1
  fi
}

# Prepares a build directory, or starts it anew when its options do not fit any more. The options
# are kept beside it, because meson remembers old ones in silence.
configure() {  # LOG DIRECTORY OPTION...
  local log=$1 directory=$2
  shift 2
  local wanted="$repository ${CC:-} ${CXX:-} $*"
  if [[ -f $directory/build.ninja && $(cat -- "$directory.options" 2>/dev/null) == "$wanted" ]]; then
    return 0  # ninja itself runs meson again when a meson.build has changed
  fi
  rm -rf -- "$directory"
  mkdir -p -- "$(dirname -- "$directory")"
  logged "$log" meson setup "$directory" "$repository" "$@" || return 1
  printf '%s' "$wanted" >"$directory.options"
}

# JSON on standard input to lines "a.b.c<TAB>value" (arrays: a.0, a.1); enough for our own reports.
json_flat() { awk -f "$repository/tools/json_flat.awk"; }

# One value out of a file written by json_flat; empty when it is not there.
json_value() {  # FILE KEY
  awk -F '\t' -v key="$2" '$1 == key { print $2; exit }' "$1"
}
