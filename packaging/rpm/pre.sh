# The user of the service, before its files exist. systemd-sysusers of RHEL 7 lacks --inline, so groupadd is used.
getent group moodle-mlbackend >/dev/null || groupadd --system moodle-mlbackend
getent passwd moodle-mlbackend >/dev/null || useradd --system --gid moodle-mlbackend --home-dir /var/lib/moodle-mlbackend \
    --shell /sbin/nologin --comment "Moodle machine-learning backend" moodle-mlbackend
