#!/usr/bin/env bash
# All that `./dev bench` measures: the stack in memory, then on TUN against the kernel; tables on stdout, and everything
# as files in a folder.
#
#   bench.sh BUILD [--rounds N] [--seconds S] [--out DIR]
set -euo pipefail
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
rounds=5 seconds=2 out=$build/bench
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --out) out=$2 ;;
    *) echo "bench: no option '$1'; there are --rounds N, --seconds S, --out DIR" >&2; exit 2 ;;
  esac
  shift 2
done
mkdir -p "$out"

"$build/backstop" bench --rounds "$rounds" --json-out "$out/memory.jsonl" | tee "$out/memory.table"
"$here/plot.py" demux- "A segment for one of many connections, at random" "connections" \
  <"$out/memory.jsonl" >"$out/connections.svg"
"$here/plot.py" message- "A message from write() to read()" "octets" <"$out/memory.jsonl" >"$out/messages.svg"
echo
if [ "$(id -u)" = 0 ]; then
  "$here/against_kernel.sh" "$build" --rounds "$rounds" --seconds "$seconds" --out "$out"
else
  echo "SKIPPED: TUN against the kernel: network namespaces and TUN need root"
fi
echo "All of it is in $out."
