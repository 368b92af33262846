#!/bin/sh
# The program trains, evaluates and predicts on a processor of 2008, without AVX. The demo would prove nothing: it starts the
# server again through /proc/self/exe, outside of the emulator.
# Usage: old_processor.sh PROGRAM
set -eu

program=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

old() {
    qemu-x86_64 -cpu Nehalem "$program" -m "moodlemlbackend.$1" "$2" "$work/model" "$3" ${4:+"$4" "$5" "$6"} 2>"$work/errors"
}

old training m "$here/training.csv" >"$work/training" || { cat "$work/training" "$work/errors"; exit 1; }
grep -q '"status":0' "$work/training"
old prediction m "$here/prediction.csv" >"$work/prediction" || { cat "$work/prediction" "$work/errors"; exit 1; }
grep -q '\["17-0","0",' "$work/prediction"
grep -q '\["18-0","1",' "$work/prediction"
# The emulated processor makes the same prediction as this one, from the same model.
"$program" -m moodlemlbackend.prediction m "$work/model" "$here/prediction.csv" >"$work/native"
cmp "$work/prediction" "$work/native"
echo "trains and predicts on a Nehalem, with the same result"
