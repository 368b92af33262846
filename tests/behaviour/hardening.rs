//! What the service may do on its machine: as little as it needs, shown by taking the rest away.

use std::process::{Command, Output};

use crate::common::{namespaces, tool, untouched};

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd/moodle-mlbackend.service");

/// In tenths; systemd calls 2 and less "OK", and its own usual service has 9.6.
const MAX_EXPOSURE: &str = "14";

#[test]
fn systemd_finds_little_that_the_unit_leaves_open() {
    let test = "systemd_finds_little_that_the_unit_leaves_open";
    let Some(analyse) = tool(test, "systemd-analyze") else { return };
    let judged = Command::new(analyse)
        .args(["security", "--offline=true", "--threshold", MAX_EXPOSURE, UNIT])
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&judged.stdout).into_owned();
    let missing: Vec<&str> = told.lines().filter(|line| line.starts_with('✗')).collect();
    assert!(told.contains("Overall exposure level"), "{}", text(&judged));
    assert!(judged.status.success(), "{}\n{}", told.lines().last().unwrap_or_default(), missing.join("\n"));
}

/// The demo is the main job, from the first training to the import of a model, with a server of its own.
#[test]
fn the_main_job_needs_neither_a_writable_root_nor_a_network_nor_a_privilege() {
    let test = "the_main_job_needs_neither_a_writable_root_nor_a_network_nor_a_privilege";
    let (Some(ip), Some(setpriv)) = (tool(test, "ip"), tool(test, "setpriv")) else { return };
    let Some(mut alone) = namespaces(test, &["--mount", "--net"]) else { return };
    let room = tempfile::tempdir().expect("a directory");
    // All is read-only but one directory; of the network only the loopback is there; and no privilege is left.
    let begin = r#"
        mount --make-rprivate /
        mount -o bind "$ROOM" "$ROOM"
        mount -o remount,ro,bind /
        "$IP" link set lo up
    "#;
    let nothing_else = r#"
        if touch /touched "$ROOM/../touched" 2>/dev/null; then echo "the root can be written to"; exit 1; fi
        if [ "$("$IP" -brief link | wc -l)" != 1 ]; then echo "there is a network"; exit 1; fi
    "#;
    let main_job = r#"
        exec "$SETPRIV" --bounding-set=-all --inh-caps=-all --no-new-privs "$PROGRAM" demo --samples 500
    "#;
    untouched(alone.args(["sh", "-eu", "-c", &[begin, nothing_else, main_job].concat()]));
    alone.env("ROOM", room.path()).env("IP", &ip).env("SETPRIV", &setpriv).env("TMPDIR", room.path());
    let played = alone.env("PROGRAM", env!("CARGO_BIN_EXE_moodle-mlbackend")).output().expect("unshare runs");
    assert!(played.status.success(), "{}", text(&played));
    assert!(text(&played).contains("import"), "{}", text(&played));
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
