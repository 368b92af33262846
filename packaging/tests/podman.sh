# What the tests with containers have in common: podman with a storage of its own. Sourced by image.sh and compose.sh.

readonly NO_DEBIAN=75 # the exit code if Debian cannot be downloaded here

can_run() {
    local tool
    for tool in podman runc mmdebstrap "$@"; do
        command -v "$tool" >/dev/null || { echo "$tool is not installed"; return 1; }
    done
    [ "$(id -u)" -eq 0 ] || { echo "needs root"; return 1; }
    unshare --fork --pid --mount --net true 2>/dev/null || { echo "this environment permits no namespaces"; return 1; }
    settings
    podman info >/dev/null 2>&1 || { echo "podman does not run in this environment"; return 1; }
}

# Its own storage, so that no image of this machine is touched; limits that fit into a container.
settings() {
    work=$(mktemp -d /var/tmp/mlbackend-image.XXXXXX)
    trap 'clean' EXIT
    export CONTAINERS_CONF="$work/containers.conf" CONTAINERS_STORAGE_CONF="$work/storage.conf"
    cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END
    cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "vfs"
runroot = "$work/run"
graphroot = "$work/storage"
END
}

clean() {
    podman system reset --force >/dev/null 2>&1 || true
    rm -rf "$work"
}
