//! Runs our Python scripts, with the Python that has what they need.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// The environment variable that names it.
const PYTHON: &str = "MLBACKEND_TEST_PYTHON";

/// The Python to test with; `None`, and a visible word about it, where none is named.
pub fn python() -> Option<OsString> {
    let python = std::env::var_os(PYTHON).filter(|python| !python.is_empty());
    if python.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        eprintln!(
            "SKIPPED: {test}: {PYTHON} names no Python with the packages of tests/python/requirements.txt"
        );
    }
    python
}

/// Runs a script of `tests/python`, which must end well, and gives the JSON that it printed.
#[track_caller]
pub fn run_script(python: &OsStr, script: &str, arguments: &[&Path]) -> serde_json::Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let output = Command::new(python).arg(script).args(arguments).output().expect("Python runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
}
