#!/usr/bin/env bash
# Runs packetdrill scripts against the stack: run.sh LIBRARY DIR-OR-SCRIPT... [-- PACKETDRILL FLAGS]
# Prints TAP, a line a script, and in the end how many failed and why. Exit code 1 when one failed.
# Each script has its own settings file, a bound on its time, and, for root, a network namespace that vanishes with it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bound=60 # seconds a script may take; almost all take a tenth of one

fail() {
  echo "dev packetdrill: $*" >&2
  exit 2
}

# The flags that the suite of google/packetdrill is run with.
flags=(--ip_version=ipv4 --local_ip=192.168.0.1 --gateway_ip=192.168.0.1 --netmask_ip=255.255.0.0
  --remote_ip=192.0.2.1 --send_omit_free -D TFO_COOKIE=3021b9d889017eeb -D CODE=host_unreachable
  -D CMSG_LEVEL_IP=SOL_IP -D CMSG_TYPE_RECVERR=IP_RECVERR)

# The folder to run a script in: its own, or the nearest one above in which the commands that it names are found.
folder_of() { # SCRIPT
  local own folder command
  own=$(dirname "$1")
  command=$(grep -m1 -oE '^ *`? *[A-Za-z0-9._-]*/[A-Za-z0-9._/-]+\.(sh|py)' "$1" | tr -d '` ' || true)
  folder=$own
  while [ -n "$command" ] && [ ! -e "$folder/$command" ] && [ "$folder" != / ]; do folder=$(dirname "$folder"); done
  if [ "$folder" = / ]; then echo "$own"; else echo "$folder"; fi
}

# Runs one script; leaves result and output in $work.
one() { # NUMBER SCRIPT
  local result=0 inside=()
  [ "$(id -u)" != 0 ] || inside=(unshare --net)
  cd "$(folder_of "$2")"
  BACKSTOP_PACKETDRILL_SETTINGS=$work/$1.settings BACKSTOP_PACKETDRILL_STATES=$work/$1.states PATH=$stubs:$PATH \
    timeout --kill-after=5 $bound "${inside[@]}" env LD_PRELOAD="$library" "$packetdrill" "${flags[@]}" \
    --so_filename="$library" "${own[@]}" "$2" >"$work/$1.output" 2>&1 || result=$?
  [ $result != 124 ] || echo "no end within $bound s" >>"$work/$1.output"
  echo $result >"$work/$1.result"
}

# The first line that says why: packetdrill's own begin with the script's name and a line number.
reason() { # OUTPUT
  grep -m1 -oE '[^/ ]+\.pkt:[0-9]+: .*' "$1" || grep -m1 . "$1" || echo "no word of why"
}

if [ "${1:-}" = --one ]; then # from xargs, below
  mapfile -t flags <<<"$FLAGS"
  own=()
  [ -z "$OWN" ] || mapfile -t own <<<"$OWN"
  one "$2" "$3"
  exit 0
fi

[ $# -ge 2 ] || fail "which folder? usage: ./dev packetdrill DIR-OR-SCRIPT... [-- FLAGS]"
library=$1
shift
packetdrill=${PACKETDRILL:-$(command -v packetdrill || true)}
[ -n "$packetdrill" ] || fail "packetdrill is not in PATH; build github.com/google/packetdrill and say PACKETDRILL=path"
[ -x "$packetdrill" ] || fail "PACKETDRILL=$packetdrill is no program"
packetdrill=$(realpath "$packetdrill")

places=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  [ -e "$1" ] || fail "there is no $1"
  places+=("$(realpath "$1")")
  shift
done
[ ${#places[@]} -gt 0 ] || fail "which folder? usage: ./dev packetdrill DIR-OR-SCRIPT... [-- FLAGS]"
[ $# = 0 ] || shift

mapfile -t scripts < <(find "${places[@]}" -name '*.pkt' -type f | sort)
[ ${#scripts[@]} -gt 0 ] || fail "no .pkt file in ${places[*]}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work library packetdrill stubs=$here/stubs
FLAGS=$(printf '%s\n' "${flags[@]}") OWN=$(printf '%s\n' "$@")
export FLAGS OWN
for number in "${!scripts[@]}"; do printf '%s\0%s\0' "$number" "${scripts[$number]}"; done |
  xargs -0 -n 2 -P 2 "$0" --one

passed=0
echo "1..${#scripts[@]}"
for number in "${!scripts[@]}"; do
  if [ "$(cat "$work/$number.result" 2>/dev/null)" = 0 ]; then
    echo "ok $((number + 1)) - ${scripts[$number]}"
    passed=$((passed + 1))
  else
    echo "not ok $((number + 1)) - ${scripts[$number]}"
    echo "  # $(reason "$work/$number.output")"
  fi
done
failed=$((${#scripts[@]} - passed))
echo "# passed $passed, failed $failed, of ${#scripts[@]}"
[ $failed = 0 ]
