//! Runs the scripts of `tests/python`, with a Python that has their packages.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output};

use super::skip::skip;

/// The environment variable that names the Python.
const PYTHON: &str = "MLBACKEND_TEST_PYTHON";

/// The Python to test with; where none is named, reports a skipped test and returns `None`.
pub fn python() -> Option<OsString> {
    let python = std::env::var_os(PYTHON).filter(|python| !python.is_empty());
    if python.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        skip(&test, &format!("{PYTHON} names no Python with the packages of tests/python/requirements.txt"));
    }
    python
}

/// Runs a script that must succeed; returns the JSON that it prints.
#[track_caller]
pub fn run_script(python: &OsStr, script: &str, arguments: &[impl AsRef<OsStr>]) -> serde_json::Value {
    let output = output(python, script, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

/// Runs a script that must end with exit code 1; returns its stderr.
#[track_caller]
pub fn script_fails(python: &OsStr, script: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    let output = output(python, script, arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn output(python: &OsStr, script: &str, arguments: &[impl AsRef<OsStr>]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    Command::new(python).arg(script).args(arguments).output().expect("Python runs")
}
