//! A client with a great many connections: others have theirs all the same.

use crate::common::{namespaces, tool, untouched};

/// Two addresses that are not the loopback's, in a network of its own that leads nowhere. One of them asks for the
/// version again and again and keeps each connection; then the other one asks.
const SCRIPT: &str = r#"
    "$IP" link set lo up
    "$IP" address add 198.51.100.7/32 dev lo
    "$IP" address add 198.51.100.8/32 dev lo
    "$PROGRAM" serve --host 198.51.100.7 --port 0 --max-connections 200 >out 2>log &
    until grep -q listening out; do kill -0 %1; sleep 0.05; done
    port=$(sed 's/.*://' out)

    served=0
    held=()
    ask() {
        local connection answer
        exec {connection}<>"/dev/tcp/198.51.100.7/$port"
        printf 'GET /version HTTP/1.1\r\nHost: x\r\n\r\n' >&"$connection" || true
        read -r answer <&"$connection" || answer=closed
        held+=("$connection")
        case $answer in "HTTP/1.1 200"*) served=$((served + 1)) ;; esac
    }
    trap '' PIPE
    for _ in $(seq 70); do ask 2>errors; done
    echo "served $served"
    echo "another: $("$CURL" --silent --interface 198.51.100.8 "http://198.51.100.7:$port/version")"

    for connection in "${held[@]}"; do exec {connection}>&-; done
    until [ "$("$CURL" --silent --interface 198.51.100.7 "http://198.51.100.7:$port/version")" = 3.0.5 ]; do
        kill -0 %1
        sleep 0.05
    done
    echo "told $(grep -c 'connection limit per client reached' log)"
    kill %1
    wait
"#;

#[test]
fn a_client_gets_its_share_of_the_connections_and_others_get_theirs() {
    let test = "a_client_gets_its_share_of_the_connections_and_others_get_theirs";
    let (Some(ip), Some(curl), Some(_)) = (tool(test, "ip"), tool(test, "curl"), tool(test, "bash")) else {
        return;
    };
    let Some(mut alone) = namespaces(test, &["--net"]) else { return };
    let room = tempfile::tempdir().expect("a directory");
    untouched(alone.args(["bash", "-eu", "-c", SCRIPT]).current_dir(room.path()));
    alone.env("IP", &ip).env("CURL", &curl).env("PROGRAM", env!("CARGO_BIN_EXE_moodle-mlbackend"));
    alone
        .env("MOODLE_MLBACKEND_PYTHON_DIR", room.path())
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b-at-length");
    let done = alone.output().expect("unshare runs");
    let told = String::from_utf8_lossy(&done.stdout);
    // A quarter of 200, and one line in the log for all that were closed.
    assert_eq!(told, "served 50\nanother: 3.0.5\ntold 1\n", "{}", String::from_utf8_lossy(&done.stderr));
}
