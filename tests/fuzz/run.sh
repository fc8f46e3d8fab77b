#!/usr/bin/env bash
# Fuzzes the readers of foreign text, each for some seconds.
#   tests/fuzz/run.sh            every target: a minute for manifests and plans, ten seconds for the others
#   tests/fuzz/run.sh 5 glob     five seconds of one target
# One input may take a second and 256 MiB. A finding is left in tests/fuzz/artifacts and ends the run with an error.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-}
only=${2:-}
long="manifest_yaml manifest_toml import plan_file"
short="glob event key cfn lock"

command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz

# The cases of the tests are the best seeds: every construct, every mistake.
seed() {
    local target=$1 folder="target/corpus/$1" path
    mkdir -p "$folder"
    # Files of one name in several folders stay apart.
    collect() { for path in "$@"; do cp "$path" "$folder/$(cksum <"$path" | tr ' ' -)"; done; }
    case $target in
        manifest_yaml) collect ../../engine/manifest/tests/{cases,format}/*.yaml ../../workflows/*/*.yaml ;;
        manifest_toml) collect ../../engine/manifest/tests/{cases,format}/*.toml ;;
        import) collect ../../engine/manifest/tests/import/*.yaml ;;
    esac
    [ ! -d "seeds/$target" ] || cp "seeds/$target"/* "$folder"
}

fuzz() {
    local target=$1 time=${seconds:-$2}
    [ -z "$only" ] || [ "$only" = "$target" ] || return 0
    seed "$target"
    printf '\n== fuzz %s, %s s\n' "$target" "$time"
    cargo fuzz run --fuzz-dir . --sanitizer none --target-dir "${CARGO_TARGET_DIR:-target}" "$target" "target/corpus/$target" -- \
        -max_total_time="$time" -timeout=1 -rss_limit_mb=256 -malloc_limit_mb=128 -max_len=65536 \
        -use_value_profile=0 -print_final_stats=0 -verbosity=0 -close_fd_mask=1
}

for target in $long; do fuzz "$target" 60; done
for target in $short; do fuzz "$target" 10; done
