//! The demo: from nothing to a report, and no server left behind.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// The demo with a temporary directory of its own; the smallest dataset keeps it quick.
fn demo(temp: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    command.args(["demo", "--samples", "500"]).env("TMPDIR", temp.path()).stdin(Stdio::null());
    command
}

fn only_entry(directory: &Path) -> PathBuf {
    let entries: Vec<_> = std::fs::read_dir(directory).expect("a directory").collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.into_iter().next().expect("one entry").expect("readable").path()
}

/// The server's address in what the demo prints.
fn address(text: &str) -> String {
    let at = text.find("127.0.0.1:").unwrap_or_else(|| panic!("no address in {text}"));
    text[at..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect()
}

#[cfg(unix)]
fn terminate(child: &std::process::Child) {
    let ended = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(ended.success());
}

/// One demo that several tests look at: it trains and evaluates for seconds.
struct Played {
    told: String,
    complaints: String,
    well: bool,
    kept: PathBuf,
    installation: TempDir,
    _temp: TempDir,
}

/// Played where an installation is configured around it, which it must not touch.
static PLAYED: LazyLock<Played> = LazyLock::new(|| {
    // What is static is never dropped: below target it is at least no litter.
    let temp = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let installation = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let done = demo(&temp)
        .env("MOODLE_MLBACKEND_PYTHON_DIR", installation.path())
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "not a valid value")
        .env("MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME", "bucket")
        .output()
        .expect("runs");
    Played {
        told: String::from_utf8(done.stdout).expect("text"),
        complaints: String::from_utf8_lossy(&done.stderr).into_owned(),
        well: done.status.success(),
        kept: only_entry(temp.path()),
        installation,
        _temp: temp,
    }
});

#[test]
fn the_demo_plays_moodle_from_version_to_deletion_and_leaves_a_report() {
    let Played { told, complaints, well, kept, .. } = &*PLAYED;
    assert!(well, "{told}\n{complaints}");
    for word in
        ["3.0.5", "learnt from 375 samples", "learnt from 125 samples", "AUC", "score", "the same in all"]
    {
        assert!(told.contains(word), "{word:?} is missing in {told}");
    }
    assert!(told.contains(&kept.join("report").display().to_string()), "{told}");
    let chart = std::fs::read(kept.join("report/roc-curve.png")).expect("a chart");
    assert!(chart.starts_with(b"\x89PNG"));
    assert!(std::fs::read_to_string(kept.join("report/info.log")).is_ok_and(|log| !log.is_empty()));
    assert!(kept.join("report/tensor").is_dir());
    assert!(kept.join("datasets/training-1.csv").is_file());
}

#[test]
fn the_demo_is_plain_text_when_nobody_watches() {
    assert!(!PLAYED.told.contains('\x1b'), "{:?}", PLAYED.told);
    assert!(!PLAYED.complaints.contains('\x1b'), "{:?}", PLAYED.complaints);
}

#[test]
fn the_demo_stops_its_server_and_removes_its_models() {
    assert!(TcpStream::connect(address(&PLAYED.told)).is_err(), "the server still listens");
    assert!(!PLAYED.kept.join("work").exists(), "models are left behind");
}

#[test]
fn the_demo_does_not_touch_an_installation_that_is_configured_around_it() {
    assert!(PLAYED.well, "{}", PLAYED.complaints);
    assert_eq!(std::fs::read_dir(PLAYED.installation.path()).expect("a directory").count(), 0);
}

#[test]
fn too_few_samples_are_refused_with_the_allowed_range() {
    let done = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"))
        .args(["demo", "--samples", "10"])
        .output()
        .expect("runs");
    assert!(!done.status.success());
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(told.contains("500"), "{told}");
}

#[cfg(unix)]
#[test]
fn ended_in_the_middle_the_demo_takes_its_server_along() {
    let temp = TempDir::new().expect("a directory");
    let mut child = demo(&temp)
        .args(["--seed", "3", "--keep"]) // so that it cannot be over before it is ended
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.any(|line| line.expect("text").contains("start the server")));
    terminate(&child);
    child.wait().expect("ends");

    let kept = only_entry(temp.path());
    let log = std::fs::read_to_string(kept.join("server.log")).expect("a log");
    assert!(TcpStream::connect(address(&log)).is_err(), "the server still listens");
    assert!(!kept.join("work").exists(), "models are left behind");
}

#[cfg(unix)]
#[test]
fn kept_the_server_stays_until_it_is_told_to_end_and_says_how_to_reach_it() {
    let temp = TempDir::new().expect("a directory");
    let mut child = demo(&temp).arg("--keep").stdout(Stdio::piped()).spawn().expect("starts");
    let mut told = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.by_ref() {
        told.push_str(&line.expect("text"));
        told.push('\n');
        if told.contains("predictions processor") {
            break;
        }
    }
    for word in ["Host", "Port", "Username", "Password"] {
        assert!(told.contains(word), "{word:?} is missing in {told}");
    }
    assert!(TcpStream::connect(address(&told)).is_ok(), "the server does not listen: {told}");

    terminate(&child);
    assert!(child.wait().expect("ends").success());
    assert!(TcpStream::connect(address(&told)).is_err(), "the server still listens");
    assert!(!only_entry(temp.path()).join("work").exists(), "models are left behind");
}
