#!/usr/bin/env bash
# All that `./dev bench` measures: the stack in memory, then on TUN against the kernel; tables on stdout, or with --json
# an object for each case, and everything as files in a folder.
#
#   bench.sh BUILD [--rounds N] [--seconds S] [--idle N] [--congestion NAME] [--realtime] [--json] [--out DIR]
set -euo pipefail
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
rounds=5 out=$build/bench on_tun=() json=''
while [ $# -gt 0 ]; do
  case "$1" in
    --json) json=yes && shift && continue ;;
    --realtime) on_tun+=("$1") && shift && continue ;;
    --rounds | --seconds | --idle | --congestion | --out) [ $# -gt 1 ] || { echo "bench: $1 needs a value" >&2; exit 2; } ;;
    *)
      echo "bench: no option '$1'; there are --rounds N, --seconds S, --idle N, --congestion NAME, --realtime, --json, --out DIR" >&2
      exit 2
      ;;
  esac
  case "$1" in
    --rounds) rounds=$2 ;;
    --out) out=$2 ;;
    *) on_tun+=("$1" "$2") ;;
  esac
  shift 2
done
mkdir -p "$out"

in_memory() {
  "$build/backstop" bench --rounds "$rounds" --json-out "$out/memory.jsonl" | tee "$out/memory.table"
  "$here/plot.py" demux- "A segment for one of many connections, at random" "connections" \
    <"$out/memory.jsonl" >"$out/connections.svg"
  "$here/plot.py" message- "A message from write() to read()" "octets" <"$out/memory.jsonl" >"$out/messages.svg"
  echo
}

on_tun() {
  if [ "$(id -u)" = 0 ]; then
    "$here/against_kernel.sh" "$build" --rounds "$rounds" --out "$out" "${on_tun[@]}"
  else
    rm -f "$out/against_kernel.jsonl"
    echo "SKIPPED: TUN against the kernel: network namespaces and TUN need root"
  fi
}

if [ -n "$json" ]; then
  { in_memory && on_tun; } >&2
  cat "$out/memory.jsonl" "$out/against_kernel.jsonl" 2>/dev/null || true
else
  in_memory
  on_tun
  echo "All of it is in $out."
fi
