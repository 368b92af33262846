//! `moodle-mlbackend demo`: runs a session, writes a report, and stops its server.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::common::{Output, program};

/// The demo with its own temporary directory, and the smallest dataset because that is quick.
fn demo(temp: &TempDir) -> Command {
    let mut command = program(&[]);
    command.args(["demo", "--samples", "500"]).env("TMPDIR", temp.path()).stdin(Stdio::null());
    command
}

fn only_entry(directory: &Path) -> PathBuf {
    let entries: Vec<_> = fs::read_dir(directory).expect("a directory").collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.into_iter().next().expect("one entry").expect("readable").path()
}

/// The server's address in the demo's output.
fn address(text: &str) -> String {
    let at = text.find("127.0.0.1:").unwrap_or_else(|| panic!("no address in {text}"));
    text[at..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect()
}

fn terminate(child: &std::process::Child) {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

/// One run of the demo for several tests, because it takes seconds.
struct DemoRun {
    output: Output,
    directory: PathBuf,
    installation: TempDir,
    _temp: TempDir,
}

/// Runs in the environment of a configured installation, which it must not change.
static DEMO: LazyLock<DemoRun> = LazyLock::new(|| {
    // A static value is never dropped, so its directories are created in target.
    let temp = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let installation = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let output = Output::of(
        demo(&temp)
            .env("MOODLE_MLBACKEND_PYTHON_DIR", installation.path())
            .env("MOODLE_MLBACKEND_PYTHON_USERS", "not a valid value")
            .env("MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME", "bucket"),
    );
    DemoRun { output, directory: only_entry(temp.path()), installation, _temp: temp }
});

#[test]
fn runs_a_moodle_session_and_leaves_a_report() {
    let DemoRun { output, directory, .. } = &*DEMO;
    let stdout = output.expect_code(0);
    let report = directory.join("report").display().to_string();
    for text in ["3.0.5", "trained on 375 samples", "trained on 125 samples", "AUC", "score", &report] {
        assert!(stdout.contains(text), "{text:?} is missing in {stdout}");
    }
    assert!(stdout.contains("identical for all"), "{stdout}");
    let chart = fs::read(directory.join("report/roc-curve.png")).expect("a chart");
    assert!(chart.starts_with(b"\x89PNG"));
    assert!(fs::read_to_string(directory.join("report/info.log")).is_ok_and(|log| !log.is_empty()));
    assert!(
        fs::read_to_string(directory.join("report/report.html")).is_ok_and(|page| page.contains("</html>"))
    );
    assert!(stdout.contains("report/report.html"), "{stdout}");
    assert!(directory.join("report/tensor").is_dir());
    assert!(directory.join("datasets/training-1.csv").is_file());
}

#[test]
fn prints_plain_text_without_a_terminal() {
    let printed = DEMO.output.expect_code(0);
    assert!(!printed.contains('\x1b'), "{printed:?}");
}

#[test]
fn stops_its_server_and_removes_its_models() {
    assert!(TcpStream::connect(address(&DEMO.output.stdout)).is_err(), "the server still listens");
    assert!(!DEMO.directory.join("work").exists(), "models are left behind");
}

#[test]
fn does_not_touch_a_configured_installation() {
    DEMO.output.expect_code(0);
    assert_eq!(fs::read_dir(DEMO.installation.path()).expect("a directory").count(), 0);
}

#[test]
fn refuses_too_few_samples_with_the_allowed_range() {
    let printed = Output::of(&mut program(&["demo", "--samples", "10"])).expect_code(2);
    assert!(printed.contains("500"), "{printed}");
}

#[test]
fn stops_its_server_when_it_is_terminated() {
    let temp = TempDir::new().expect("a directory");
    let mut child = demo(&temp)
        .args(["--seed", "3", "--keep"]) // so that it cannot end before it is terminated
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.any(|line| line.expect("text").contains("start the server")));
    terminate(&child);
    child.wait().expect("ends");

    let directory = only_entry(temp.path());
    let log = fs::read_to_string(directory.join("server.log")).expect("a log");
    assert!(TcpStream::connect(address(&log)).is_err(), "the server still listens");
    assert!(!directory.join("work").exists(), "models are left behind");
}

#[test]
fn keeps_the_server_until_it_is_terminated_and_prints_its_settings() {
    let temp = TempDir::new().expect("a directory");
    let mut child = demo(&temp).arg("--keep").stdout(Stdio::piped()).spawn().expect("starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut stdout = String::new();
    while !stdout.contains("predictions processor") {
        assert!(reader.read_line(&mut stdout).expect("text") > 0, "{stdout}");
    }
    for word in ["Host", "Port", "Username", "Password"] {
        assert!(stdout.contains(word), "{word:?} is missing in {stdout}");
    }
    assert!(TcpStream::connect(address(&stdout)).is_ok(), "the server does not listen: {stdout}");

    terminate(&child);
    assert!(child.wait().expect("ends").success());
    assert!(TcpStream::connect(address(&stdout)).is_err(), "the server still listens");
    assert!(!only_entry(temp.path()).join("work").exists(), "models are left behind");
}
