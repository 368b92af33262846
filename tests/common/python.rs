//! Runs our Python scripts, with the Python that has what they need.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output};

use super::skip::skip;

/// The environment variable that names it.
const PYTHON: &str = "MLBACKEND_TEST_PYTHON";

/// The Python to test with; `None`, and a visible word about it, where none is named.
pub fn python() -> Option<OsString> {
    let python = std::env::var_os(PYTHON).filter(|python| !python.is_empty());
    if python.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        skip(&test, &format!("{PYTHON} names no Python with the packages of tests/python/requirements.txt"));
    }
    python
}

/// Runs a script of `tests/python`, which must end well, and gives the JSON that it printed.
#[track_caller]
pub fn run_script(python: &OsStr, script: &str, arguments: &[impl AsRef<OsStr>]) -> serde_json::Value {
    let output = output(python, script, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}

/// Runs a script that must end with exit code 1, and gives what it said.
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
