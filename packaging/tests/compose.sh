#!/usr/bin/env bash
# Starts deploy/compose.yaml with deploy/compose.https.yaml by podman-compose, in a network namespace of its own, and trains a model
# through nginx with HTTPS; then deploy/compose.workers.yaml, where a worker trains it. The images of nginx and Redis are made of
# Debian's packages, with the paths of the official images, which need a registry.
# Usage: compose.sh IMAGE-ARCHIVE PROGRAM, or compose.sh --can-run, which prints the reason if it cannot.
set -euo pipefail

readonly HERE=$(cd "$(dirname "$0")" && pwd)
readonly NGINX=docker.io/library/nginx:1.28-alpine # the name in compose.https.yaml
readonly REDIS=docker.io/library/redis:7-alpine    # the name in compose.workers.yaml
export PATH="$PATH:/usr/sbin:/sbin"
# shellcheck source=podman.sh
. "$HERE/podman.sh"

can_compose() {
    can_run podman-compose openssl curl ip iptables || return 1
    [ -x /usr/lib/podman/netavark ] && [ -x /usr/lib/podman/aardvark-dns ] || {
        echo "netavark or aardvark-dns is not installed"
        return 1
    }
    unshare --net sh -c 'ip link add test type bridge && iptables -t nat -L -n' >/dev/null 2>&1 || {
        echo "this environment permits no bridge"
        return 1
    }
}

images() {
    podman import --quiet "$1" localhost/base:1 >/dev/null
    podman tag localhost/base:1 "$REDIS"
    mkdir -p "$work/nginx"
    cat >"$work/nginx/nginx.conf" <<'END'
user root;
pid /var/run/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /var/cache/nginx/body;
    proxy_temp_path /var/cache/nginx/proxy;
    fastcgi_temp_path /var/cache/nginx/fastcgi;
    uwsgi_temp_path /var/cache/nginx/uwsgi;
    scgi_temp_path /var/cache/nginx/scgi;
    include /etc/nginx/conf.d/*.conf;
}
END
    echo 'root:x:0:0:root:/:/usr/sbin/nologin' >"$work/nginx/passwd"
    echo 'root:x:0:' >"$work/nginx/group"
    cat >"$work/nginx/Dockerfile" <<'END'
FROM localhost/base:1
COPY nginx.conf /etc/nginx/nginx.conf
COPY passwd group /etc/
CMD ["/usr/sbin/nginx", "-g", "daemon off;"]
END
    podman build --quiet --network none --tag "$NGINX" "$work/nginx" >/dev/null
}

# What docs/installation.md says: the users and the certificate.
prepare() {
    cp -r "$HERE/../../deploy" "$work/deploy"
    mkdir "$work/deploy/certificates"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$work/deploy/certificates/privkey.pem" -out "$work/deploy/certificates/fullchain.pem" 2>/dev/null
    printf 'MOODLE_MLBACKEND_PYTHON_USERS=%s\n' "$(echo a-long-password-of-moodle | "$1" passwd moodle)" >"$work/deploy/users.env"
    chmod 600 "$work/deploy/users.env"
}

compose() {
    podman-compose --project-name mlbackend --file "$work/deploy/compose.yaml" --file "$work/deploy/compose.https.yaml" "$@"
}

request() {
    curl --silent --show-error --noproxy '*' --cacert "$work/deploy/certificates/fullchain.pem" "$@"
}

check() {
    local answer=""
    compose up --no-build --detach >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    for _ in $(seq 100); do
        if answer=$(request https://localhost/version 2>"$work/curl"); then break; fi
        sleep 0.3
    done
    if [ "$answer" != 3.0.5 ]; then
        cat "$work/log" "$work/curl"
        compose logs 2>&1 | tail -n 40
        echo "the server does not respond through nginx: $answer"
        return 1
    fi
    answer=$(request --user moodle:a-long-password-of-moodle --form uniqueid=students --form dirhash=atrisk \
        --form "dataset=@$HERE/training.csv" https://localhost/training)
    echo "a training: $answer"
    [ "$answer" = '{"status":0,"info":[]}' ] || { echo "a training through nginx: $answer"; return 1; }
    # nginx is trusted: the log has the address of the client, not that of nginx.
    answer=$(podman logs mlbackend_moodle-mlbackend_1 2>&1 | grep 'route="/training"' || true)
    echo "$answer" | grep -q 'client="\{0,1\}172\.31\.73\.1"\{0,1\}' || { echo "the address of the client: $answer"; return 1; }
    echo a-long-password-of-moodle | "$1" doctor --url https://localhost --user moodle --environment-file /nowhere >"$work/doctor" || true
    grep -q '^green *read timeout' "$work/doctor" || { cat "$work/doctor"; return 1; }
    compose down --volumes >>"$work/log" 2>&1
}

# A worker trains, and the server sends its reply.
check_workers() {
    export REDIS_PASSWORD=0123456789abcdef
    local workers=(podman-compose --project-name workers --file "$work/deploy/compose.workers.yaml") answer="" log=""
    "${workers[@]}" up --no-build --detach >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    for _ in $(seq 100); do
        if answer=$(curl --silent --noproxy '*' http://127.0.0.1:5000/version); then break; fi
        sleep 0.3
    done
    answer=$(curl --silent --show-error --noproxy '*' --user moodle:a-long-password-of-moodle --form uniqueid=students \
        --form dirhash=worker --form "dataset=@$HERE/training.csv" http://127.0.0.1:5000/training)
    log=$(podman logs workers_worker_1 2>&1)
    if [ "$answer" != '{"status":0,"info":[]}' ] || ! echo "$log" | grep -q 'training ended'; then
        cat "$work/log"
        "${workers[@]}" logs 2>&1 | tail -n 40
        echo "a training by a worker: $answer"
        return 1
    fi
    "${workers[@]}" down --volumes >>"$work/log" 2>&1
}

case "${1:-}" in
    --can-run) can_compose ;;
    --inside)
        shift
        settings
        sed -i 's/^\[engine\]/[network]\nnetwork_backend = "netavark"\n[engine]/' "$CONTAINERS_CONF"
        ip link set lo up
        gzip -dc "$1" | podman load --quiet >/dev/null
        images "$3"
        prepare "$2"
        check "$2"
        echo "compose: a training through nginx with HTTPS, from a client that the server sees"
        check_workers
        echo "compose: a training by a worker"
        ;;
    *)
        base=$(mktemp --suffix=.tar)
        trap 'rm -f "$base"' EXIT
        # The namespace has no network to download from.
        mmdebstrap --quiet --variant=extract --include=nginx-light,redis-server,dash,libc6,libgcc-s1 bookworm "$base" || exit "$NO_DEBIAN"
        unshare --net --mount "$0" --inside "$(realpath "$1")" "$(realpath "$2")" "$base"
        ;;
esac
