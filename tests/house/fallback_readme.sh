#!/usr/bin/env bash
# The tests of the fallback manager are complete and its README tells the truth about them: each of the 43 acceptance
# behaviours has a test with its tag, and each tag that the README's table names is in the test file named behind it.
#
#   fallback_readme.sh ROOT          prints what is missing; fails when something is
#   fallback_readme.sh --self-check  shows that each rule can fail
set -euo pipefail
export LC_ALL=C

behaviours=43

untested() { # ROOT: behaviours without a test
  local number
  for number in $(seq $behaviours); do
    grep -rqF "[fallback-$number]" "$1/tests/fallback" --include='*.cpp' || echo "no test has the tag [fallback-$number]"
  done
}

# The README writes `[tag]` `[tag]` in file.cpp, file.cpp and file.cpp, and the next tags begin another such claim.
claims() { # README: lines "TAG FILE"
  grep -oE '`\[[a-z0-9-]+\]`|[a-z_./]+_test\.cpp' "$1" | tr -d '`' | awk '
    /^\[/ { if (had_file) { tags = ""; had_file = 0 } tags = tags " " $0; next }
    { had_file = 1; count = split(tags, each, " "); for (i = 1; i <= count; ++i) print each[i], $0 }'
}

untrue() { # ROOT: claims of the README that do not hold
  local tag file
  claims "$1/fallback/README.md" | sort -u | while read -r tag file; do
    [ "$tag" = "[threads]" ] && continue
    grep -qF "$tag" "$1/tests/fallback/$file" 2>/dev/null || echo "fallback/README.md: $tag is not in $file"
  done
}

check() { # ROOT
  local found
  found=$(untested "$1"; untrue "$1")
  [ -z "$found" ] && return
  printf '%s\n' "$found"
  return 1
}

# planted RESULT TAGS README: with these tags in one test file, and this README, is the result good or bad?
planted() {
  local tree result=good
  tree=$(mktemp -d)
  mkdir -p "$tree/tests/fallback" "$tree/fallback"
  printf '%s\n' "$2" >"$tree/tests/fallback/a_test.cpp"
  printf '%s\n' "$3" >"$tree/fallback/README.md"
  check "$tree" >/dev/null || result=bad
  rm -r "$tree"
  [ "$result" = "$1" ] || { echo "self-check: the README '$3' is called $result"; return 1; }
}

self_check() {
  local all
  all=$(seq -f '[fallback-%g]' $behaviours)
  planted good "$all" 'shown by `[fallback-1]` `[fallback-2]` in a_test.cpp'
  planted bad "$(grep -v 17 <<<"$all")" ''
  planted bad "$all" 'shown by `[fallback-44]` in a_test.cpp'
  planted bad "$all" 'shown by `[fallback-1]` in b_test.cpp'
  planted bad "$all" 'shown by `[fallback-1]` in a_test.cpp, `[fallback-2]` in a_test.cpp and b_test.cpp'
  planted bad "$all" 'shown by `[fallback-44]` `[fallback-1]` in a_test.cpp'
}

case "${1:-}" in
  --self-check) self_check ;;
  ?*) check "$1" ;;
  *) echo "usage: $0 ROOT | --self-check" >&2; exit 2 ;;
esac
