#!/usr/bin/env bash
# How many instructions the main cases of `backstop bench` take, against those that counts.txt remembers: a regression
# guard that does not wobble with the machine. Only cases that move few octets: how many instructions a long copy or sum
# takes depends on the vectors of the processor, because libc's memcpy and our checksum pick their version by it.
#
#   check.sh PROGRAM COMPILER            fails when a case takes more than 3 % more or less than remembered
#   check.sh PROGRAM COMPILER --update   remembers what it takes now
set -euo pipefail
cd "$(dirname "$0")"
program=$1 compiler=$2 mode=${3:-}
operations=1000
slack=3 # per cent; fewer is a reason too: the new count should be the one to hold

skip() {
  echo "SKIPPED: $*"
  [ "${BACKSTOP_NO_SKIP:-0}" = 1 ] && exit 1
  exit 77
}

count() { # CASE: instructions of one operation
  local out
  out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=counted_work \
    "$program" "$1" "$operations" 2>&1) || { echo "$out" >&2; exit 1; }
  awk -v operations="$operations" '/Collected/ { printf "%d\n", $NF / operations }' <<<"$out"
}

command -v valgrind >/dev/null || skip "instruction counts need valgrind: apt install valgrind"

if [ "$mode" = --update ]; then
  awk -v compiler="$compiler" '$1 != compiler' counts.txt >counts.new
  for name in round-trip connect demux-1000 timers-1000 connect-listener connect-fallback; do
    now=$(count "$name")
    echo "$compiler $name $now" >>counts.new
  done
  mv counts.new counts.txt
  exit
fi

grep -q "^$compiler " counts.txt || skip "no instruction counts for $compiler; check.sh --update remembers some"
failed=0
while read -r _ name remembered; do
  now=$(count "$name")
  percent=$(((now - remembered) * 100 / remembered))
  echo "$name: $now instructions, remembered $remembered ($percent %)"
  [ "${percent#-}" -le "$slack" ] || failed=1
done < <(grep "^$compiler " counts.txt)
[ "$failed" = 0 ] || echo "Better or meant to be: tests/instructions/check.sh $program $compiler --update"
exit "$failed"
