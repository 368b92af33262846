#!/usr/bin/env bash
# Runs the fuzz targets, two at a time, and prints a table of the results.
#
#   bash fuzz/run.sh 1000000                 a million executions of each target
#   bash fuzz/run.sh 600s onnx archive       ten minutes of each of these targets
#   bash fuzz/run.sh keep                    minimises fuzz/corpus, together with the new inputs
#
# Needs Rust nightly and `cargo install cargo-fuzz`. New inputs and logs go to fuzz/target/found. An input that fails
# goes to fuzz/artifacts; the table names it, and the exit code is 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly ALL=(authorization query users form description pickle checkpoint dataset archive onnx)
readonly FOUND=target/found
readonly MAX_KEPT=50
# The target `form` writes uploads to files: memory is faster than a disk.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm

main() {
    local how=${1:?"the number of executions or the time is missing, such as 1000000 or 600s"} target
    shift
    local targets=("$@")
    [ $# -gt 0 ] || targets=("${ALL[@]}")
    # No sanitizer: our own code has no unsafe. Cargo.toml turns on overflow checks and debug assertions.
    RUSTC_WRAPPER=$PWD/rustc.sh cargo +nightly fuzz build --release --sanitizer none
    if [ "$how" = keep ]; then
        for target in "${targets[@]}"; do keep "$target"; done
        return
    fi
    for target in "${targets[@]}"; do
        # Two at a time.
        while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n || true; done
        run "$target" "$how" &
    done
    wait
    table "${targets[@]}"
}

# Runs one target. libFuzzer's output goes to a log, the processor time to a file beside it.
run() {
    local target=$1 until=-runs=$2 TIMEFORMAT=%U
    [[ $2 != *s ]] || until=-max_total_time=${2%s}
    mkdir -p "$FOUND/$target" "artifacts/$target"
    {
        time "$(binary "$target")" "$FOUND/$target" "corpus/$target" "regressions/$target" "$until" -dict="dictionaries/$target.dict" \
            -max_len="$(max_bytes "$target")" -rss_limit_mb=2048 -timeout=10 -report_slow_units=2 \
            -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$FOUND/$target.log" 2>&1
    } 2>"$FOUND/$target.seconds" || true
}

binary() { echo target/*/release/"$1"; }

# Real headers, queries and pickles are much shorter. Real models are longer, but small ones reach the same code in less
# time.
max_bytes() {
    case $1 in
        authorization) echo 256 ;;
        query | users) echo 512 ;;
        pickle) echo 1024 ;;
        archive | onnx) echo 4096 ;;
        *) echo 2048 ;;
    esac
}

# Executions a second are counted in processor time, so that other work on the machine does not change them.
table() {
    local target log executions result broken=0
    printf '%-14s %12s %9s %7s %8s %9s  %s\n' target executions "a second" edges slowest memory result
    for target in "$@"; do
        log=$FOUND/$target.log
        result=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        [ -z "$result" ] || broken=1
        executions=$(stat "$log" number_of_executed_units)
        printf '%-14s %12s %9s %7s %6s s %6s MB  %s\n' "$target" "$executions" \
            "$(awk -v n="$executions" '{ printf "%d", n / ($1 + 0.001) }' "$FOUND/$target.seconds")" \
            "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)" \
            "$(stat "$log" slowest_unit_time_sec)" "$(stat "$log" peak_rss_mb)" "${result:-no crash}"
    done
    return $broken
}

# A figure of libFuzzer's final statistics.
stat() { sed -n "s/^stat::$2: *//p" "$1" | tail -1; }

# Minimises the corpus of a target: of the old and the new inputs it keeps at most MAX_KEPT, those that add most
# coverage to the regressions first. Every test run replays each of them.
keep() {
    local target=$1 merged file
    merged=$(mktemp -d)
    mkdir -p "$FOUND/$target"
    # libFuzzer adds to its first directory, and counts as covered what is covered there.
    cp "regressions/$target"/* "$merged"
    touch -d @0 "$merged"/*
    "$(binary "$target")" -set_cover_merge=1 -use_counters=0 -rss_limit_mb=2048 -timeout=10 "$merged" "corpus/$target" \
        "$FOUND/$target" >"$FOUND/$target.keep.log" 2>&1
    find "corpus/$target" -type f -delete
    # In the order in which they were chosen.
    find "$merged" -type f -newermt @0 -printf '%T@ %f\n' | sort -n | head -n "$MAX_KEPT" | while read -r _ file; do
        cp "$merged/$file" "corpus/$target/"
    done
    rm -r "$merged"
    echo "$target: $(find "corpus/$target" -type f | wc -l) inputs, $(cat "corpus/$target"/* | wc -c) bytes"
}

main "$@"
