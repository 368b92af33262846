#!/usr/bin/env bash
# The packages in bare Debian systems, made by mmdebstrap: installed, used, upgraded, removed and purged.
# Usage: bare_system.sh DIRECTORY-OF-PACKAGES DIRECTORY-FOR-SYSTEMS
# Needs root. A system is an archive that is made once, and unpacked for each test.
set -euo pipefail

readonly PACKAGES=$(realpath "$1")
readonly HERE=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
readonly SYSTEMS=$(realpath "$2")
# The oldest release that Debian still serves, and the one that most sites run.
# What the tests and the guide use beside the packages.
readonly INCLUDED=ca-certificates,systemd,python3-venv,wget,curl
readonly RELEASES=${MLBACKEND_TEST_RELEASES:-bullseye bookworm}

readonly NO_DEBIAN=75 # the exit code if Debian cannot be downloaded here

root=""
trap 'remove_system' EXIT

main() {
    for release in $RELEASES; do
        new_system "$release"
        life_of_debian_package
        new_system "$release"
        new_user archive
        new_system "$release"
        new_user package
        if compgen -G "$PACKAGES/*.whl" >/dev/null; then
            new_system "$release"
            wheel_runs
            new_user wheel
        fi
        remove_system
        echo "Debian $release: everything works"
    done
}

new_system() {
    local archive
    archive="$SYSTEMS/$1-$(printf %s "$INCLUDED" | sha256sum | cut -c1-8).tar"
    if [ ! -e "$archive" ]; then
        mmdebstrap --quiet --variant=minbase --include="$INCLUDED" "$1" "$SYSTEMS/new-$1.tar" || exit "$NO_DEBIAN"
        mv "$SYSTEMS/new-$1.tar" "$archive"
    fi
    remove_system
    root=$(mktemp -d "$SYSTEMS/system.XXXXXX")
    chmod 755 "$root"
    tar -C "$root" -xf "$archive" --exclude='./dev/*'
    # Without device files, which not every container may make.
    mkdir -p "$root/proc" "$root/tmp/packages"
    for device in null zero random urandom; do
        touch "$root/dev/$device"
    done
    cp "$PACKAGES"/* "$root/tmp/packages/"
    mkdir -p "$root/tmp/tests"
    cp "$HERE"/* "$root/tmp/tests/"
}

remove_system() {
    if [ -n "$root" ]; then
        rm -rf --one-file-system "$root"
        root=""
    fi
}

# Runs a command in the system, with its own processes, and without a network other than loopback.
inside() {
    unshare --fork --pid --mount --net --kill-child bash -euc '
        root=$1; shift
        mount -t proc proc "$root/proc"
        for device in null zero random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
        ip link set lo up 2>/dev/null || true
        exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive ${MLBACKEND_PURGE_MODELS:+MLBACKEND_PURGE_MODELS=yes} "$@"
    ' inside "$root" "$@"
}

# A check of the system's files, with what is wrong if it fails.
holds() {
    local what=$1
    shift
    "$@" || { echo "$what: failed: $*" >&2; exit 1; }
}

lacks() {
    ! [ -e "$root$1" ]
}

# Prints the lines that a file should not have.
lacks_line() {
    ! grep -i "$1" "$2"
}

# The same package with a higher version and another default in a configuration file, to upgrade to.
newer_package() {
    local unpacked="$root/tmp/newer" version
    dpkg-deb --raw-extract "$1" "$unpacked"
    version=$(dpkg-deb --field "$1" Version)
    sed -i "s/^Version: .*/Version: $version+upgrade/" "$unpacked/DEBIAN/control"
    echo '# A line of the newer version.' >>"$unpacked/etc/moodle-mlbackend/config.toml"
    rm -f "$unpacked/DEBIAN/md5sums"
    dpkg-deb --root-owner-group --build "$unpacked" "$2" >/dev/null
    rm -rf "$unpacked"
}

life_of_debian_package() {
    local package model=/var/lib/moodle-mlbackend/a/b/classifier environment=/etc/moodle-mlbackend/environment
    package=$(basename "$PACKAGES"/*.deb)

    inside dpkg --install "/tmp/packages/$package" >"$root/tmp/log" 2>&1 || { cat "$root/tmp/log"; exit 1; }
    holds "installing makes the user" grep -q '^moodle-mlbackend:' "$root/etc/passwd"
    holds "installing starts nothing" test -z "$(find "$root/etc/systemd" -name 'moodle-mlbackend*')"
    holds "the users are for root alone" test "$(stat -c '%a %u' "$root$environment")" = "600 0"
    holds "the models are private" test "$(stat -c %a "$root/var/lib/moodle-mlbackend")" = 700
    inside moodle-mlbackend --version
    inside moodle-mlbackend demo >"$root/tmp/log" 2>&1 || { cat "$root/tmp/log"; exit 1; }
    # Its exit code is also that of faults of the system's own units.
    inside systemd-analyze verify --man=no moodle-mlbackend.service >"$root/tmp/log" 2>&1 || true
    holds "the unit has no fault" lacks_line moodle-mlbackend "$root/tmp/log"
    holds "a manual page" test -s "$root/usr/share/man/man1/moodle-mlbackend-serve.1.gz"

    inside systemctl enable --quiet moodle-mlbackend.service
    echo 'MOODLE_MLBACKEND_PORT=5001' >>"$root$environment"
    mkdir -p "$root$model"
    echo model >"$root$model/current.json"
    newer_package "$PACKAGES/$package" "$root/tmp/newer.deb"
    inside dpkg --install /tmp/newer.deb >"$root/tmp/log" 2>&1 || { cat "$root/tmp/log"; exit 1; }
    holds "an upgrade keeps settings" grep -q PORT=5001 "$root$environment"
    holds "an upgrade updates an unchanged file" grep -q 'newer version' "$root/etc/moodle-mlbackend/config.toml"
    holds "an upgrade keeps the enablement" test -L "$root/etc/systemd/system/multi-user.target.wants/moodle-mlbackend.service"
    holds "an upgrade keeps models" grep -q model "$root$model/current.json"

    inside dpkg --remove moodle-mlbackend >"$root/tmp/log" 2>&1 || { cat "$root/tmp/log"; exit 1; }
    holds "removing removes the program" lacks /usr/bin/moodle-mlbackend
    holds "removing keeps settings" grep -q PORT=5001 "$root$environment"
    holds "removing keeps models" grep -q model "$root$model/current.json"

    inside dpkg --purge moodle-mlbackend >"$root/tmp/log" 2>&1 || { cat "$root/tmp/log"; exit 1; }
    holds "purging removes settings" lacks "$environment"
    holds "purging keeps models" grep -q model "$root$model/current.json"
    holds "purging says that it kept the models" grep -q 'were kept' "$root/tmp/log"
    holds "purging disables the service" lacks /etc/systemd/system/multi-user.target.wants/moodle-mlbackend.service

    inside dpkg --install "/tmp/packages/$package" >/dev/null 2>&1
    MLBACKEND_PURGE_MODELS=yes inside dpkg --purge moodle-mlbackend >/dev/null 2>&1
    holds "purging removes models when asked" lacks "$model"
    echo "Debian package: installed, used, upgraded, removed, purged"
}

# Only what INSTALL.md says, from a release's files to a first training.
new_user() {
    cp "$HERE/../../INSTALL.md" "$root/tmp/INSTALL.md"
    inside python3 /tmp/tests/new_user.py "$1" /tmp/INSTALL.md /tmp/packages
}

wheel_runs() {
    inside python3 /tmp/tests/wheel.py "/tmp/packages/$(basename "$PACKAGES"/*.whl)"
}

main
