#!/usr/bin/env bash
# The stack on a TUN device against the kernel on veth, in the same run: rounds in which each does everything once, the
# medians of them, and ratios of the same round. Its namespaces are its own, and vanish with it. Needs root.
#
#   against_kernel.sh BUILD [--rounds N] [--seconds S] [--idle N] [--congestion NAME] [--realtime] [--out DIR]
#
# Servers take turns: the kernel with the offloads of veth, the stack with those of TUN, and both without; then the stack
# with busy polling, and beside so many idle connections (100,000; 0: not that). In each round the device's limits are
# measured too. Clients are the kernel's, on processor 0; servers run on processor 1. `same` cases have both on processor
# 1: no wake-up of another processor is in them, and so they are the stable ones. The kernel's TCP has one congestion
# control at both ends, not the host's own: cubic, or reno where a namespace may not choose cubic. (BBR sets a timer for
# each packet that it sends, which can cost a virtual machine more than the packet.) --realtime puts both ends before
# everything else on the machine, so that others disturb less; they stand still meanwhile.
set -euo pipefail
build=$1
shift
rounds=5 seconds=2 idle=100000 congestion=cubic out=
first=()
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --idle) idle=$2 ;;
    --congestion) congestion=$2 ;;
    --out) out=$2 ;;
    --realtime) first=(chrt -f 1) && shift && continue ;;
    *) echo "bench: no option '$1'; there are --rounds N, --seconds S, --idle N, --congestion NAME, --realtime, --out DIR" >&2; exit 2 ;;
  esac
  shift 2
done
[ "$(id -u)" = 0 ] || { echo "bench: network namespaces and TUN need root" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
backstop=$build/backstop peer=$build/backstop_bench_peer
[ -n "$out" ] || out=$build/bench
mkdir -p "$out"
results=$out/against_kernel.txt
: >"$results"

name=${BACKSTOP_BENCH_NAMESPACE:-backstop-bench}
clients=$name-clients servers=$name-servers
kernel_address=10.213.1.2 stack_address=10.213.2.2
server='' holders=()

clean_up() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  [ ${#holders[@]} = 0 ] || kill "${holders[@]}" 2>/dev/null || true
  ip netns del "$clients" 2>/dev/null || true
  ip netns del "$servers" 2>/dev/null || true
}
trap clean_up EXIT

on_processor() { # NUMBER COMMAND...: becomes it
  exec "${first[@]}" taskset -c "$1" "${@:2}"
}

choose_congestion_control() { # NAMESPACE
  local option=net.ipv4.tcp_congestion_control
  ip netns exec "$1" sysctl -qw $option="$congestion" 2>/dev/null && return
  [ "$congestion" = cubic ] || { echo "bench: no congestion control '$congestion' for a namespace here" >&2; exit 2; }
  congestion=reno
  ip netns exec "$1" sysctl -qw $option=reno
}

make_namespace() { # NAME
  ip netns add "$1"
  ip -n "$1" link set lo up
  choose_congestion_control "$1"
  # Many short connections leave many ports in TIME-WAIT.
  ip netns exec "$1" sysctl -qw net.ipv4.tcp_max_tw_buckets=4096 net.ipv4.tcp_tw_reuse=1 \
    net.ipv4.ip_local_port_range="1024 65000" net.ipv4.tcp_max_syn_backlog=4096
}

set_offloads() { # on|off
  ip netns exec "$clients" ethtool -K veth0 tso "$1" gso "$1" gro "$1" tx "$1" rx "$1" >/dev/null
  ip netns exec "$servers" ethtool -K veth1 tso "$1" gso "$1" gro "$1" tx "$1" rx "$1" >/dev/null
}

start_kernel() { # on|off
  set_offloads "$1"
  (on_processor 1 ip netns exec "$servers" "$peer" serve) &
  server=$!
  address=$kernel_address
}

start_stack() { # auto|off [OPTIONS]
  (on_processor 1 "$backstop" serve --netns "$clients" --tun bench0 --host-addr 10.213.2.1/24 --addr "$stack_address" \
    --listen 7=echo --listen 9=discard --listen 19=chargen --fallback '8=echo' --offload "$@" >"$out/serve.log") &
  server=$!
  address=$stack_address
}

wait_until_it_serves() {
  local try
  for try in $(seq 50); do
    ip netns exec "$clients" "$peer" connect-time "$address" 7 1 >/dev/null 2>&1 && return
    sleep 0.1
  done
  echo "bench: the server does not answer" >&2
  exit 1
}

stop() {
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=
}

measure() { # TARGET CASE PROCESSOR CLIENT-ARGUMENTS...: appends "round target case value processor-seconds"
  local target=$1 case=$2 processor=$3 numbers
  shift 3
  numbers=$(on_processor "$processor" ip netns exec "$clients" "$peer" "$@")
  echo "$round $target $case $numbers" >>"$results"
}

measure_limits() { # SUFFIX MTU: of reading from a device, and of writing to it
  local numbers
  mapfile -t numbers < <(on_processor 1 ip netns exec "$clients" "$peer" device-limits "$2" 500)
  echo "$round limit read$1 ${numbers[0]}" >>"$results"
  echo "$round limit write$1 ${numbers[1]}" >>"$results"
}

small_cases() { # TARGET
  measure "$1" round-trips-same 1 round-trips "$address" $((seconds * 1000))
  measure "$1" connections-same 1 connections "$address" $((seconds * 1000)) 1
}

# Each process that holds idle connections has an address of its own, for want of ports, and a part of them, for want of
# descriptors.
hold_idle() {
  local processes=8 i word ready
  for i in $(seq "$processes"); do
    ip -n "$clients" addr add "10.213.2.$((100 + i))/24" dev bench0
    exec {ready}< <(on_processor 0 ip netns exec "$clients" "$peer" hold-idle "$stack_address" \
      $((idle / processes)) "10.213.2.$((100 + i))")
    holders+=($!)
    read -r -t 60 word <&"$ready" && [ "$word" = ready ] || { echo "bench: no idle connections" >&2; exit 1; }
  done
}

drop_idle() {
  kill "${holders[@]}"
  holders=()
}

show_progress() {
  [ ! -t 2 ] || printf '\r\033[Kround %s of %s: %s' "$round" "$rounds" "$1" >&2
}

all_cases() { # TARGET
  local time=$((seconds * 1000))
  measure "$1" receive 0 send "$address" "$time" "$server"
  measure "$1" send 0 receive "$address" "$time" "$server"
  measure "$1" round-trips 0 round-trips "$address" "$time"
  small_cases "$1"
  measure "$1" connections-32 0 connections "$address" "$time" 32
  measure "$1" connect-listener 0 connect-time "$address" 7 500
  case "$1" in stack*) measure "$1" connect-fallback 0 connect-time "$address" 8 500 ;; esac
}

make_namespace "$clients"
make_namespace "$servers"
ip -n "$clients" link add veth0 type veth peer name veth1 netns "$servers"
ip -n "$clients" addr add 10.213.1.1/24 dev veth0
ip -n "$servers" addr add "$kernel_address/24" dev veth1
ip -n "$clients" link set veth0 up
ip -n "$servers" link set veth1 up

for round in $(seq "$rounds"); do
  show_progress limits
  measure_limits "" 65535
  measure_limits -plain 1500
  for target in kernel stack kernel-plain stack-plain; do
    show_progress "$target"
    case $target in
      kernel) start_kernel on ;;
      kernel-plain) start_kernel off ;;
      stack) start_stack auto ;;
      stack-plain) start_stack off ;;
    esac
    wait_until_it_serves
    all_cases "$target"
    stop
  done
  show_progress stack-busy
  start_stack auto --busy-poll 50
  wait_until_it_serves
  measure stack-busy round-trips 0 round-trips "$address" $((seconds * 1000))
  stop
  [ "$idle" -gt 0 ] || continue
  show_progress stack-idle
  start_stack auto --max-connections $((idle + 10000))
  wait_until_it_serves
  small_cases stack-few
  hold_idle
  small_cases stack-idle
  stop
  drop_idle
done
[ ! -t 2 ] || printf '\r\033[K' >&2
{
  echo "The kernel's congestion control: $congestion"
  "$here/table.py" "$results" --json "$out/against_kernel.jsonl" --svg "$out/against_kernel.svg"
} | tee "$out/against_kernel.table"
