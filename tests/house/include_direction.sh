#!/usr/bin/env bash
# Includes point one way: wire <- tcp <- stack <- {fallback, tun} <- tools <- tests.
# Besides: every include of ours is written from the root; stack/coroutine.hpp is a layer on top that nothing in stack/
# needs; stack/ and fallback/ include no header of the operating system; CLI11, libpcap and Catch2 stay in tools/, tests/.
#
#   include_direction.sh ROOT          prints every include that breaks a rule; fails when there is one
#   include_direction.sh --self-check  shows that each rule can fail
set -euo pipefail
export LC_ALL=C

offences() { # ROOT: one line for each include that breaks a rule
  cd "$1" || exit
  find stack fallback tun tools tests -name '*.?pp' -exec grep -HnE '^[[:space:]]*#[[:space:]]*include' {} + |
    sed -E 's/^([^:]+):([0-9]+):[^"<]*(["<])([^">]+).*/\1 \2 \3 \4/' |
    awk '
      function layer(path) {
        if (path ~ /^stack\/wire\//) return "stack/wire"
        if (path ~ /^stack\/tcp\//) return "stack/tcp"
        sub(/\/.*/, "", path)
        return path
      }
      function offence(why) { printf "%s:%s: %s\n", $1, $2, why }
      BEGIN {
        rank["stack/wire"] = 1; rank["stack/tcp"] = 2; rank["stack"] = 3
        rank["fallback"] = rank["tun"] = 4; rank["tools"] = 5; rank["tests"] = 6
        system_header = "/|[.]h$|^(thread|mutex|condition_variable|future|semaphore|iostream|fstream|cstdio|ctime|random|filesystem)$"
      }
      { from = layer($1); to = layer($4) }
      $3 == "\"" && !(to in rank) { offence("\"" $4 "\" is not written from the root"); next }
      $3 == "\"" && to != from && rank[to] >= rank[from] { offence(from " may not include " to ": " $4) }
      $4 == "stack/coroutine.hpp" && $1 ~ /^stack\// && $1 !~ /^stack\/coroutine[.]/ {
        offence("nothing in stack/ includes the coroutine layer")
      }
      $3 == "<" && rank[from] <= 3 && $4 ~ system_header { offence(from " may not include <" $4 ">") }
      $3 == "<" && from == "fallback" && $4 ~ system_header && $4 !~ /^(mutex|condition_variable)$/ {
        offence(from " may not include <" $4 ">")
      }
      $3 == "<" && from == "tun" && $4 ~ /^(CLI|pcap|catch2)[.\/]/ { offence("only tools and tests may use <" $4 ">") }
    '
}

check() { # ROOT
  local found
  found=$(offences "$1")
  [ -z "$found" ] && return
  printf '%s\n' "$found"
  return 1
}

# planted FILE INCLUDE EXPECTED: with this one include in a tree, is the result as EXPECTED (good or bad)?
planted() {
  local tree result=good
  tree=$(mktemp -d)
  mkdir -p "$tree"/{stack/wire,stack/tcp,fallback,tun,tools,tests/tcp}
  printf '#include %s\n' "$2" >"$tree/$1"
  check "$tree" >/dev/null || result=bad
  rm -r "$tree"
  [ "$result" = "$3" ] || { echo "self-check: $1 with #include $2 is called $result"; return 1; }
}

self_check() {
  planted stack/wire/a.hpp '"stack/tcp/tcb.hpp"' bad
  planted stack/tcp/a.hpp '"stack/stack.hpp"' bad
  planted stack/a.cpp '"fallback/manager.hpp"' bad
  planted stack/a.cpp '"tests/support/catch.hpp"' bad
  planted fallback/a.hpp '"tun/device.hpp"' bad
  planted tun/a.hpp '"fallback/manager.hpp"' bad
  planted tun/a.hpp '"tools/serve.hpp"' bad
  planted stack/tcp/a.hpp '"tcb.hpp"' bad
  planted stack/a.hpp '"stack/coroutine.hpp"' bad
  planted stack/tcp/a.hpp '<sys/socket.h>' bad
  planted stack/a.hpp '<thread>' bad
  planted stack/a.hpp '<mutex>' bad
  planted fallback/a.hpp '<unistd.h>' bad
  planted tun/a.hpp '<pcap/pcap.h>' bad
  planted stack/coroutine.cpp '"stack/coroutine.hpp"' good
  planted stack/tcp/a.hpp '"stack/wire/segment.hpp"' good
  planted stack/tcp/a.hpp '<cstdint>' good
  planted fallback/a.hpp '"stack/coroutine.hpp"' good
  planted fallback/a.hpp '<mutex>' good
  planted tun/a.hpp '<sys/epoll.h>' good
  planted tests/tcp/a.cpp '"tools/serve.hpp"' good
}

case "${1:-}" in
  --self-check) self_check ;;
  ?*) check "$1" ;;
  *) echo "usage: $0 ROOT | --self-check" >&2; exit 2 ;;
esac
