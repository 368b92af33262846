//! Hardening: the exposure of the systemd unit, and the demo without privileges, writable root or network.
//!
//! Owns the restrictions. Must not know how the demo works.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use crate::common::{namespaces, tool, untouched};

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd/moodle-mlbackend.service");

const WORKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/systemd/moodle-mlbackend-worker@.service");

/// In tenths: 1.4 of 10. systemd rates up to 2 as "OK"; a unit without restrictions has 9.6.
const MAX_EXPOSURE: &str = "14";

/// The variable that names the only writable directory. It is set in the process in its own namespaces.
const WRITABLE: &str = "MLBACKEND_TEST_WRITABLE";

#[test]
fn the_systemd_units_have_a_low_exposure() {
    let test = "the_systemd_units_have_a_low_exposure";
    let Some(analyse) = tool(test, "systemd-analyze") else { return };
    for unit in [UNIT, WORKER] {
        let output = Command::new(&analyse)
            .args(["security", "--offline=true", "--threshold", MAX_EXPOSURE, unit])
            .output()
            .expect("it runs");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let missing: Vec<&str> = report.lines().filter(|line| line.starts_with('✗')).collect();
        assert!(report.contains("Overall exposure level"), "{}", text(&output));
        let last = report.lines().last().unwrap_or_default();
        assert!(output.status.success(), "{unit}: {last}\n{}", missing.join("\n"));
    }
}

/// With a program that exists here in the place of the installed one.
#[test]
#[allow(clippy::disallowed_methods, reason = "temporary files of the test")]
fn systemd_understands_every_line_of_the_units() {
    let test = "systemd_understands_every_line_of_the_units";
    let Some(analyse) = tool(test, "systemd-analyze") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(analyse);
    command.args(["verify", "--man=no", "--recursive-errors=no"]).env("SYSTEMD_LOG_LEVEL", "warning");
    for name in [
        "moodle-mlbackend.service",
        "moodle-mlbackend.socket",
        "moodle-mlbackend.target",
        "moodle-mlbackend-worker@.service",
    ] {
        let unit = fs::read_to_string(Path::new(UNIT).with_file_name(name)).expect("a unit");
        let unit = unit.replace("/usr/local/bin/moodle-mlbackend", env!("CARGO_BIN_EXE_moodle-mlbackend"));
        fs::write(directory.path().join(name), unit).expect("written");
        command.arg(directory.path().join(name));
    }
    let output = command.output().expect("it runs");
    assert!(output.status.success() && !text(&output).contains("moodle-mlbackend"), "{}", text(&output));
}

/// The demo starts a server and sends it all of Moodle's requests. The test runs itself again in its own namespaces, in
/// which it can change mounts and the network.
#[test]
fn the_demo_needs_neither_a_writable_root_nor_a_network_nor_a_privilege() {
    let test = "the_demo_needs_neither_a_writable_root_nor_a_network_nor_a_privilege";
    let (Some(ip), Some(setpriv)) = (tool(test, "ip"), tool(test, "setpriv")) else { return };
    if let Some(writable) = env::var_os(WRITABLE) {
        return in_namespaces(&ip, &setpriv, Path::new(&writable));
    }
    let Some(mut unshare) = namespaces(test, &["--mount", "--net"]) else { return };
    let writable = tempfile::tempdir().expect("a directory");
    untouched(unshare.arg(env::current_exe().expect("a path")));
    unshare.args(["--exact", &format!("hardening::{test}"), "--nocapture"]);
    unshare.env(WRITABLE, writable.path()).env("TMPDIR", writable.path());
    let output = unshare.output().expect("unshare runs");
    assert!(output.status.success() && text(&output).contains("1 passed"), "{}", text(&output));
}

/// Makes everything except one directory read-only, enables only the loopback interface, and runs the demo without
/// capabilities.
fn in_namespaces(ip: &Path, setpriv: &Path, writable: &Path) {
    let mount = |arguments: &[&OsStr]| run("mount", arguments);
    mount(&["--make-rprivate".as_ref(), "/".as_ref()]);
    mount(&["-o".as_ref(), "bind".as_ref(), writable.as_ref(), writable.as_ref()]);
    mount(&["-o".as_ref(), "remount,ro,bind".as_ref(), "/".as_ref()]);
    run(ip, &["link".as_ref(), "set".as_ref(), "lo".as_ref(), "up".as_ref()]);

    for outside in [Path::new("/touched").to_owned(), writable.join("../touched")] {
        assert!(File::create_new(&outside).is_err(), "{} can be written", outside.display());
    }
    let links = run(ip, &["-brief".as_ref(), "link".as_ref()]);
    assert_eq!(
        String::from_utf8_lossy(&links.stdout).lines().count(),
        1,
        "there is a network: {}",
        text(&links)
    );

    let options = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    let demo = [env!("CARGO_BIN_EXE_moodle-mlbackend"), "demo", "--samples", "500"];
    let arguments: Vec<&OsStr> = options.iter().chain(&demo).map(OsStr::new).collect();
    let output = run(setpriv, &arguments);
    assert!(text(&output).contains("import"), "{}", text(&output));
}

#[track_caller]
fn run(program: impl AsRef<OsStr>, arguments: &[&OsStr]) -> Output {
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    output
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
