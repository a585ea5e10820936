#!/usr/bin/env bash
# Every test that tests/BEHAVIOURS.md names between backquotes exists: named_tests.sh ROOT, or --self-check.
set -euo pipefail

# Names of test cases in the sources of a folder, one a line. Only the first of several string literals is read when a
# name is broken over lines.
known() { # FOLDER
  grep -rhA1 --include='*.cpp' -e 'TEST_CASE(' "$1" | grep -oE '"([^"\\]|\\.)+"' | tr -d '"'
}

missing() { # NAMES-FILE < DOCUMENT
  local name
  grep -oE '`[^`]+`' | tr -d '`' | grep -v '^tests/' | sort -u | while read -r name; do
    grep -qxF -- "$name" "$1" || echo "$name"
  done
}

names=$(mktemp)
trap 'rm -f "$names"' EXIT
if [ "$1" = --self-check ]; then
  echo "a test" >"$names"
  [ "$(printf '%s\n' 'x `a test` and `none such`' | missing "$names")" = "none such" ]
  exit
fi
known "$1/tests" >"$names"
lost=$(missing "$names" <"$1/tests/BEHAVIOURS.md")
[ -z "$lost" ] || {
  printf 'tests/BEHAVIOURS.md names a test that does not exist: %s\n' "$lost" >&2
  exit 1
}
