#!/usr/bin/env bash
# Packs a program again, from a copy of this tree in another directory, with other times, rights and user settings, and compares the
# archive with the one that was made here.
# Usage: reproducible_archive.sh PROGRAM ARCHIVE
set -euo pipefail
program=$(realpath "$1")
archive=$(realpath "$2")
cd "$(dirname "$0")/../.."

copy=$(mktemp -d "${TMPDIR:-/tmp}/mlbackend copy.XXXXXX")
trap 'rm -rf "$copy"' EXIT
umask 077
git ls-files --cached --others --exclude-standard -z | tar --null --files-from=- --ignore-failed-read -c 2>/dev/null |
    tar --touch --no-same-permissions --no-same-owner -C "$copy" -x
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
(cd "$copy" && TZ=Pacific/Apia LC_ALL=C HOME=/nonexistent .ci/packages --build-only --program "$program") >"$copy/log" 2>&1 || {
    cat "$copy/log"
    exit 1
}
again=("$copy"/target/packages/out/*-linux.tar.gz)
if ! cmp "$archive" "${again[0]}"; then
    diff <(tar -tvzf "$archive") <(tar -tvzf "${again[0]}") || true
    echo "the archive depends on where it is made"
    exit 1
fi
echo "a copy of the tree elsewhere gives the same archive: $(sha256sum <"$archive" | cut -c1-16)"
