#!/usr/bin/env bash
# As cargo's RUSTC_WRAPPER: compiles what is not to be explored without coverage. libFuzzer looks at all counters after each
# execution, and most are those of the model runner; a table that every CSV reader makes anew costs more than reading. What
# decodes ONNX is to be explored.
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
