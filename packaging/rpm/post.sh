# Enables and starts nothing: without users, the server would refuse every request.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
