#!/bin/sh
# /etc/letsencrypt/renewal-hooks/deploy/moodle-mlbackend
# Certbot runs this as root after each renewal. The private keys of Certbot belong to root alone: this copies them to where
# the service may read them, and reloads the service.
set -eu

dir=${MLBACKEND_TLS_DIR:-/etc/moodle-mlbackend/tls}
group=${MLBACKEND_TLS_GROUP:-moodle-mlbackend}

install -d -m 0750 -g "$group" "$dir"
for file in fullchain.pem privkey.pem; do
    # Replaced by a rename: the server never reads half a file.
    install -m 0640 -g "$group" "$RENEWED_LINEAGE/$file" "$dir/$file.new"
    mv -f "$dir/$file.new" "$dir/$file"
done
systemctl try-reload-or-restart moodle-mlbackend.service
