#!/usr/bin/env bash
# Fuzzes the readers of foreign text and of foreign images, two at a time.
#   tests/fuzz/run.sh               every target: a minute for manifests and plans, less for the others
#   tests/fuzz/run.sh 300           every target for five minutes
#   tests/fuzz/run.sh 5 glob key    five seconds of some targets
# One input may take a second and 256 MiB. A finding is left in tests/fuzz/artifacts and ends the run with an error.
#
# Without SCAR_FUZZ_SEED every run looks somewhere else, and keeps what it finds of interest for the next one.
# With it, a run starts from the same inputs, takes the same way and ends after a number of inputs, so that what
# was tried before a change can be tried after it, and a faster machine does not go further.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-}
only=("${@:2}")
# Seconds, and inputs of a run with a seed. The longest first, so that both processors are done at about the
# same time.
targets=(
    manifest_yaml:60:55000 manifest_toml:60:60000 import:60:90000 plan_file:60:6000000
    invocation:20:3000000
    layer:20:12000 inflate:20:25000 image:20:60000 automata:10:1500
    glob:10:120000 event:10:1700000 key:10:1500000 cfn:10:37000 lock:10:2100000 reference:10:800000
)

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
triple=$(rustc --version --verbose | sed -n 's/^host: //p')
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)")
trap 'rm -rf "$scratch"' EXIT

# The cases of the tests are the best seeds: every construct, every mistake.
seed() {
    local target=$1 folder=$2 path
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
    local target time runs options=()
    IFS=: read -r target time runs <<<"$1"
    time=${seconds:-$time}
    local folder=corpus/$target
    if [ -n "${SCAR_FUZZ_SEED:-}" ]; then
        folder=$scratch/corpus/$target
        options=(-seed="$SCAR_FUZZ_SEED" -runs="$runs")
    fi
    mkdir -p "artifacts/$target"
    seed "$target" "$folder"
    TMPDIR=$scratch "$CARGO_TARGET_DIR/$triple/release/$target" "$folder" \
        -max_total_time="$time" -timeout=1 -rss_limit_mb=256 -malloc_limit_mb=128 -max_len=65536 \
        -use_value_profile=0 -print_final_stats=1 -verbosity=0 -close_fd_mask=1 \
        -artifact_prefix="artifacts/$target/" "${options[@]}" >"$scratch/$target.log" 2>&1 || {
        cat "$scratch/$target.log"
        echo "== fuzz $target: found something"
        return 1
    }
    echo "== fuzz $target, at most $time s: $(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$target.log") inputs"
}

is_wanted() {
    local name
    [ ${#only[@]} -gt 0 ] || return 0
    for name in "${only[@]}"; do [ "$name" != "$1" ] || return 0; done
    return 1
}

command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
cargo fuzz build --fuzz-dir . --sanitizer none --target-dir "$CARGO_TARGET_DIR"

running=0 failed=0
for target in "${targets[@]}"; do
    is_wanted "${target%%:*}" || continue
    if [ "$running" -ge 2 ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
