#!/bin/sh
# The program starts with an old C library: no symbol is newer than the given version, and no other library is needed than
# those that every Linux has.
# Usage: symbols.sh PROGRAM VERSION
set -eu

program=$1
oldest=$2

versions=$(readelf --version-info --wide "$program" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu)
newest=$(echo "$versions" | tail -n 1)
[ -n "$newest" ] || { echo "$program names no symbol of the C library" >&2; exit 1; }
if [ "$(printf '%s\n%s\n' "$newest" "$oldest" | sort -V | tail -n 1)" != "$oldest" ]; then
    echo "$program needs glibc $newest; $oldest is the limit" >&2
    exit 1
fi
libraries=$(readelf --dynamic --wide "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for library in $libraries; do
    case "$library" in
        libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | libgcc_s.so.1 | ld-linux-*) ;;
        *) echo "$program needs the library $library" >&2; exit 1 ;;
    esac
done
echo "needs glibc $newest and" $libraries
