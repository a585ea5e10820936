#!/usr/bin/env bash
# The demo of the release build: `./dev demo` runs this. Leaves its capture in build/.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec build/release/backstop demo --capture build/backstop-demo.pcap "$@"
