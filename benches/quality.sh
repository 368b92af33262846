#!/usr/bin/env bash
# Compares this product and, with a Python environment, other methods on the same rows, and prints one table.
#
#   benches/quality.sh [DIRECTORY] [quick]
#
# DIRECTORY holds Moodle's datasets (default: $MLBACKEND_TEST_DATA, or ../shared/data); missing files are
# reported as skipped. benches/README.md describes its content. Any *.csv or *.csv.gz directly in it is measured, too: add
# those of your own site.
# The Python environment is $QUALITY_VENV (default: target/quality/venv). It is made with:
#   python3 -m venv target/quality/venv
#   target/quality/venv/bin/pip install -r benches/python/requirements.txt
# AutoGluon, two minutes for each training, is compared too where its environment is, $AUTOGLUON_VENV (default:
# target/quality/autogluon):
#   python3 -m venv target/quality/autogluon
#   target/quality/autogluon/bin/pip install "autogluon.tabular[lightgbm,catboost,xgboost]"
# `quick` splits less often, as a smoke test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

data=${1:-${MLBACKEND_TEST_DATA:-../shared/data}}
repeats=10 few=5 seeds=10
if [ "${2:-}" = quick ]; then repeats=2 few=2 seeds=2; fi
readonly data repeats few seeds
readonly kept=target/quality
readonly python="${QUALITY_VENV:-$kept/venv}/bin/python"
readonly autogluon="${AUTOGLUON_VENV:-$kept/autogluon}/bin/python"
notes=()

main() {
    local load=unknown
    if [ -r /proc/loadavg ]; then load=$(cut -d' ' -f1-3 /proc/loadavg); fi
    mkdir -p "$kept"
    rm -f "$kept"/*.jsonl
    cargo build --release --locked --example quality
    if [ ! -x "$python" ]; then
        note "SKIPPED: other methods and scikit-learn's datasets; there is no Python environment at $python"
    elif "$python" benches/python/sklearn_datasets.py "$kept/sklearn"; then
        for name in breast_cancer wine digits iris; do
            measure "$name" --repeats "$few" "$kept/sklearn/$name.csv"
        done
    fi

    measure waves --seeds "$seeds" --waves 10,50,100,1000
    measure waves-many --seeds 2 --waves 10000
    dataset recorded/test-366-1904-training.csv.gz
    dataset moodle/students-at-risk-quarters-evaluation.csv
    answers oulad/oulad-at-risk-half
    answers oulad/oulad-result-half
    for file in "$data"/*.csv "$data"/*.csv.gz; do
        if [ -e "$file" ]; then dataset "$(basename "$file")"; fi
    done

    quality table "$kept"/*.jsonl
    printf 'Times: on %s cores; load average before the first measurement: %s\n' "$(nproc)" "$load"
    printf '%s\n' ${notes[@]+"${notes[@]}"}
}

# measure NAME ARGUMENTS…: ours, then the others on the same rows.
measure() {
    local name=$1
    shift
    quality run --json --plan "$kept/$name" "$@" >"$kept/$name-1-ours.jsonl"
    if [ -x "$python" ]; then
        "$python" benches/python/compare.py "$kept/$name/plan.json" >"$kept/$name-2-theirs.jsonl"
    fi
    if [ -x "$autogluon" ]; then
        "$autogluon" benches/python/compare.py "$kept/$name/plan.json" AutoGluon >"$kept/$name-3-autogluon.jsonl"
    fi
}

dataset() {
    if [ -e "$data/$1" ]; then
        measure "$(basename "$1")" --repeats "$repeats" "$data/$1"
    else
        note "SKIPPED: $data/$1 is not there"
    fi
}

answers() {
    if [ -e "$data/$1-train.csv.gz" ]; then
        measure "$(basename "$1")" --train "$data/$1-train.csv.gz" --predict "$data/$1-predict.csv.gz" \
            --answers "$data/$1-answers.json"
    else
        note "SKIPPED: $data/$1-train.csv.gz is not there"
    fi
}

note() {
    notes+=("$1")
    printf '%s\n' "$1" >&2
}

quality() {
    "${CARGO_TARGET_DIR:-target}/release/examples/quality" "$@"
}

main "$@"
