#!/usr/bin/env bash
# Medians and ratios of what against_kernel.sh has measured: a line each, "round target case value processor-seconds".
# A ratio is the median over the rounds of the stack's value divided by the kernel's of the same round.
set -euo pipefail
awk '
  function sort(list, n,   i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
  }
  function median(list, n) {
    sort(list, n)
    return n == 0 ? 0 : n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
  }
  function median_of(values, target, name,   list, n, r) {
    n = 0
    for (r = 1; r <= rounds; r++) if ((r, target, name) in values) list[++n] = values[r, target, name]
    return median(list, n)
  }
  function ratio(a_target, a_name, b_target, b_name,   list, n, r) {
    n = 0
    for (r = 1; r <= rounds; r++) {
      if ((r, a_target, a_name) in value && value[r, b_target, b_name] > 0) {
        list[++n] = value[r, a_target, a_name] / value[r, b_target, b_name]
      }
    }
    return median(list, n)
  }
  function row(name, what, unit, suffix) {
    printf "%-30s %12.1f %12.1f %-8s %8.2f x\n", what, median_of(value, "kernel" suffix, name),
      median_of(value, "stack" suffix, name), unit, ratio("stack" suffix, name, "kernel" suffix, name)
  }
  { value[$1, $2, $3] = $4; cost[$1, $2, $3] = $5; if ($1 > rounds) rounds = $1 }
  function block(title, suffix) {
    printf "%-30s %12s %12s\n", title, "kernel", "stack"
    row("receive", "the server receives", "Gbit/s", suffix)
    row("send", "the server sends", "Gbit/s", suffix)
    row("round-trips-same", "round trips, one processor", "/s", suffix)
    row("round-trips", "round trips, two processors", "/s", suffix)
    row("connections-same", "connections, one at a time", "/s", suffix)
    row("connections-32-same", "connections, 32 at a time", "/s", suffix)
    row("connect-listener", "connect()", "us", suffix)
    printf "%-30s %12s %12.1f %-8s %8.2f x to a listener\n", "connect() to a fallback port", "",
      median_of(value, "stack" suffix, "connect-fallback"), "us",
      ratio("stack" suffix, "connect-fallback", "stack" suffix, "connect-listener")
    printf "%-30s %12.3f %12.3f s/GB\n", "processor time, receiving", median_of(cost, "kernel" suffix, "receive"),
      median_of(cost, "stack" suffix, "receive")
    printf "%-30s %12.3f %12.3f s/GB\n\n", "processor time, sending", median_of(cost, "kernel" suffix, "send"),
      median_of(cost, "stack" suffix, "send")
  }
  END {
    block("with offload (veth, vnet TUN)", "")
    block("without (veth, plain TUN)", "-plain")
  }' "$1"
