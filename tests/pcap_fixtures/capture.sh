#!/usr/bin/env bash
# Captures the situations of this folder again: two Linux hosts, each in a network namespace of its own, and a relay in
# user space between them that loses, delays and marks packets as the situation asks (relay.py, situations.py).
# Writes NAME.client.pcap and NAME.server.pcap, what each host sent and received, into the current folder or --out.
# Needs root, /dev/net/tun, iproute2 and python3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$PWD

usage() {
  echo "usage: capture.sh [--out DIR] [--list] [SITUATION...]   (without names: all)"
}

fail() {
  echo "capture.sh: $*" >&2
  exit 2
}

names=()
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$(cd "$2" && pwd) && shift ;;
    --list) exec python3 "$here/situations.py" list ;;
    -h | --help) usage && exit 0 ;;
    -*) fail "unknown option $1; $(usage)" ;;
    *) names+=("$1") ;;
  esac
  shift
done
all=$(python3 "$here/situations.py" list | cut -d' ' -f1)
[ ${#names[@]} -gt 0 ] || mapfile -t names <<<"$all"
for name in "${names[@]}"; do
  grep -qxF "$name" <<<"$all" || fail "no situation '$name'; --list shows them"
done
[ "$(id -u)" = 0 ] || fail "network namespaces need root"
[ -c /dev/net/tun ] || fail "/dev/net/tun is missing"

client=backstop-client-$$
server=backstop-server-$$
pids=()

clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  pids=()
  wait
  ip netns del "$client" 2>/dev/null || true
  ip netns del "$server" 2>/dev/null || true
}
trap clean_up EXIT

# Starts a command in the background and waits until it prints "ready".
start() { # COMMAND...
  local pipe line
  pipe=$(mktemp -u)
  mkfifo "$pipe"
  "$@" >"$pipe" &
  pids+=($!)
  read -r -t 10 line <"$pipe" || true
  rm "$pipe"
  [ "${line:-}" = ready ] || fail "$* did not come up"
}

capture() { # SITUATION
  local namespace setting
  for namespace in "$client" "$server"; do
    ip netns add "$namespace"
    ip -n "$namespace" link set lo up
    # Why: what a connection learned (ssthresh, RTT) must not steer the next one.
    for setting in net.ipv4.tcp_no_metrics_save=1 $(python3 "$here/situations.py" sysctls "$1"); do
      ip netns exec "$namespace" sysctl -qw "$setting"
    done
  done
  start python3 "$here/relay.py" "$1" "$client" "$server" "$out"
  start ip netns exec "$server" python3 "$here/situations.py" server "$1"
  local relay=${pids[0]} host=${pids[1]}
  timeout 60 ip netns exec "$client" python3 "$here/situations.py" client "$1"
  timeout 30 tail --pid="$host" -f /dev/null || fail "$1: the server did not end"
  sleep 0.5 # the last ACKs are still under way
  kill "$relay"
  wait "$relay"
  clean_up
  echo "$1"
}

for name in "${names[@]}"; do capture "$name"; done
echo "captured on $(uname -sr), $(date -u +%F)"
