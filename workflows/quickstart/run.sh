#!/bin/sh
# Builds scar, packs an image from this machine's own programs, and runs the workflow on three texts
# in the embedded cloud. Run it again: everything is done already and nothing is touched.
set -eu
cd "$(dirname "$0")/../.."

# The supervisor is built alone, under its own profile; both builds at once use the machine better.
cargo build --quiet --profile supervisor --package scar-supervisor &
supervisor=$!
cargo build --package scar
wait "$supervisor"

scar=${CARGO_TARGET_DIR:-target}/debug/scar
[ -e workflows/images/shell ] || workflows/images/build.sh "$scar" shell
exec "$scar" run workflows/quickstart/workflow.yaml workflows/quickstart/texts/*.txt --local
