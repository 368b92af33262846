#!/usr/bin/env bash
# A RUSTC_WRAPPER for cargo that leaves coverage out of the crates that need no exploring. libFuzzer reads all counters after
# each execution, and most belong to the model runner; csv_core builds a table for each reader, which costs more than the
# reading itself. The decoder of ONNX files keeps its coverage.
set -euo pipefail

crate=
arguments=()
previous=
for argument in "$@"; do
    [ "$previous" != --crate-name ] || crate=$argument
    previous=$argument
    case $argument in
        -Cpasses=sancov-module | -Cllvm-args=-sanitizer-coverage-*) ;;
        *) arguments+=("$argument") ;;
    esac
done

case $crate in
    tract_onnx) exec "$@" ;;
    tract_* | csv_core | ndarray | rustfft | matrixmultiply | erased_serde | linfa* | argmin* | image | png | \
        resvg | usvg | tiny_skia* | harfrust | skrifa | clap_builder | jiff | regex_* | ureq* | tracing_subscriber | indicatif | icu_*)
        exec "${arguments[@]}" ;;
    *) exec "$@" ;;
esac
