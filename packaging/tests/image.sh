#!/usr/bin/env bash
# Builds the container image of deploy/Dockerfile around a program that exists, on a base of mmdebstrap, and runs it: as a user
# without a name, with a read-only root and without a network; then loads it from the archive and runs it as INSTALL.md says.
# Usage: image.sh PROGRAM ARCHIVE, or image.sh --can-run, which prints the reason if it cannot.
set -euo pipefail

readonly HERE=$(cd "$(dirname "$0")" && pwd)
readonly NAME=docker.io/library/moodle-mlbackend:latest # docker calls this "moodle-mlbackend"
export PATH="$PATH:/usr/sbin:/sbin"

# shellcheck source=podman.sh
. "$HERE/podman.sh"

# The last stage of the Dockerfile, with the program from the context instead of the first stage.
last_stage() {
    sed -n '/^FROM \${BASE}/,$p' "$HERE/../../deploy/Dockerfile" |
        sed -e "s#^FROM .*#FROM $1#" -e 's#--from=build ##' -e 's# /out/# #'
}

build() {
    mmdebstrap --quiet --variant=extract --include=libc6,libgcc-s1 bookworm "$work/base.tar" || exit "$NO_DEBIAN"
    podman import --quiet "$work/base.tar" localhost/base:1 >/dev/null
    mkdir -p "$work/context/empty"
    cp "$1" "$work/context/moodle-mlbackend"
    last_stage localhost/base:1 >"$work/context/Dockerfile"
    # The other format has no health check.
    podman build --quiet --format docker --timestamp "${SOURCE_DATE_EPOCH:-0}" --tag "$NAME" "$work/context" >/dev/null
}

run() {
    podman run --rm --read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --network none "$@"
}

check() {
    [ "$(podman inspect --format '{{.Config.User}}' "$NAME")" = 10001:10001 ]
    ! podman inspect --format '{{.Config.Env}}' "$NAME" | grep -q USERS
    podman inspect --format '{{json .}}' "$NAME" | grep -q '"Healthcheck"'
    run "$NAME" demo >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    # A server, with its volumes and its health check.
    local server state=""
    server=$(podman run --detach --read-only --cap-drop all --network none --env MOODLE_MLBACKEND_PYTHON_USERS=moodle:a-long-password "$NAME")
    for _ in $(seq 50); do
        if podman healthcheck run "$server" >/dev/null 2>&1; then state=healthy; break; fi
        sleep 0.2
    done
    podman logs "$server" >"$work/log" 2>&1
    podman rm --force --volumes "$server" >/dev/null
    [ "$state" = healthy ] || { cat "$work/log"; echo "the server in the container did not become healthy"; return 1; }
}

# The block of INSTALL.md about containers, beside the archive and without the image that was built here. Podman takes docker's place.
follow_the_guide() {
    local commands
    commands=$(sed -n '/^```sh image$/,/^```$/p' "$HERE/../../INSTALL.md" | grep -v '^```')
    [ "$(echo "$commands" | grep -c 'docker')" -ge 2 ] || { echo "INSTALL.md has no block about the image"; return 1; }
    podman rmi --force "$NAME" >/dev/null
    docker() { podman "$@"; }
    export -f docker
    (cd "$(dirname "$1")" && bash -euo pipefail -c "$commands") >"$work/log" 2>&1 || { cat "$work/log"; echo "the commands of INSTALL.md about containers failed"; return 1; }
}

if [ "$1" = --can-run ]; then
    can_run
else
    settings
    build "$1"
    check
    podman save --quiet --format docker-archive --output "$work/image.tar" "$NAME" >/dev/null
    gzip -9n <"$work/image.tar" >"$2"
    follow_the_guide "$2"
    echo "image: $(podman inspect --format '{{.Size}}' "$NAME") bytes, runs the demo and is healthy"
fi
