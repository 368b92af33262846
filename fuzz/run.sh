#!/usr/bin/env bash
# Runs the fuzz targets, two at a time, and prints what came of it.
#
#   bash fuzz/run.sh 1000000                 a million executions of each target
#   bash fuzz/run.sh 600s onnx archive       ten minutes of each of these
#   bash fuzz/run.sh keep                    takes what was found into fuzz/corpus: as few inputs as reach as much
#
# Needs Rust nightly and `cargo install cargo-fuzz`. New inputs and the logs go to fuzz/target/found. What broke
# something goes to fuzz/artifacts; then the table says so, and this ends with 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly ALL=(authorization query users form description pickle checkpoint dataset archive onnx)
readonly FOUND=target/found
readonly MOST_KEPT=250
# The form's uploads become files, which need not reach a disk here.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm

main() {
    local how=${1:?"say how often or how long, such as 1000000 or 600s"} target
    shift
    local targets=("$@")
    [ $# -gt 0 ] || targets=("${ALL[@]}")
    # No sanitizer, since our own code has no unsafe; checks of overflows and debug assertions are in Cargo.toml.
    RUSTC_WRAPPER=$PWD/rustc.sh cargo +nightly fuzz build --release --sanitizer none
    if [ "$how" = keep ]; then
        for target in "${targets[@]}"; do keep "$target"; done
        return
    fi
    for target in "${targets[@]}"; do
        # Two at once: when two run, wait until one has ended.
        while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n || true; done
        run "$target" "$how" &
    done
    wait
    table "${targets[@]}"
}

# One target until its end: what libFuzzer says goes to a log, and the seconds of a processor beside it.
run() {
    local target=$1 until=-runs=$2 TIMEFORMAT=%U
    [[ $2 != *s ]] || until=-max_total_time=${2%s}
    mkdir -p "$FOUND/$target" "artifacts/$target"
    {
        time "$(binary "$target")" "$FOUND/$target" "corpus/$target" "$until" -dict="dictionaries/$target.dict" \
            -max_len="$(most_bytes "$target")" -rss_limit_mb=2048 -timeout=10 -report_slow_units=2 \
            -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$FOUND/$target.log" 2>&1
    } 2>"$FOUND/$target.seconds" || true
}

binary() { echo target/*/release/"$1"; }

# Real inputs of the first kinds are much shorter. Models are longer: small ones reach the same code more often.
most_bytes() {
    case $1 in
        authorization) echo 256 ;;
        query | users) echo 512 ;;
        pickle) echo 1024 ;;
        archive | onnx) echo 4096 ;;
        *) echo 2048 ;;
    esac
}

# Executions a second are those of a processor's second: other work on the machine does not count.
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

# Inputs that somebody named stay; beside them, the fewest that together reach as much, those first that reach most: each
# costs time in every test run.
keep() {
    local target=$1 merged named file
    merged=$(mktemp -d)
    mkdir -p "$FOUND/$target"
    "$(binary "$target")" -set_cover_merge=1 -use_counters=0 -rss_limit_mb=2048 -timeout=10 "$merged" "corpus/$target" \
        "$FOUND/$target" >"$FOUND/$target.keep.log" 2>&1
    find "corpus/$target" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    named=$(sha1sum "corpus/$target"/* | cut -d ' ' -f 1)
    ls -tr "$merged" | sed -n "1,${MOST_KEPT}p" | while read -r file; do
        grep -qx "$file" <<<"$named" || cp "$merged/$file" "corpus/$target/"
    done
    rm -r "$merged"
    echo "$target: $(find "corpus/$target" -type f | wc -l) inputs, $(cat "corpus/$target"/* | wc -c) bytes"
}

main "$@"
