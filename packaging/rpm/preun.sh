# On removal, not on upgrade.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl disable --now moodle-mlbackend.socket moodle-mlbackend.service || :
fi
