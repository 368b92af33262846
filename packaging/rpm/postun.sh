# The models in /var/lib/moodle-mlbackend are kept. On upgrade, a running service gets the new program.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ "$1" -ge 1 ]; then
        systemctl try-restart moodle-mlbackend.service || :
    fi
fi
