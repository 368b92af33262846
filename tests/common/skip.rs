//! Reports skipped tests, which libtest counts as passed.
//!
//! Owns the list of skipped tests. A line is also printed at once; the target `skipped`, which runs after this one, prints
//! the whole list of one `cargo test`. `.ci/run` reads the file that `MLBACKEND_TEST_SKIPS` names. Must not know why a
//! test is skipped.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// The variable with the path of a file to which a line is appended for each skipped test.
const SKIPS: &str = "MLBACKEND_TEST_SKIPS";

/// Reports that a test, or the rest of it, does not run.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {reason}\n");
    // Unlike `eprintln!`, this is also shown for tests that pass.
    let _ = std::io::stderr().write_all(line.as_bytes());
    append(&list(), &line);
    if let Some(file) = env::var_os(SKIPS).filter(|file| !file.is_empty()) {
        append(Path::new(&file), &line);
    }
}

/// The list of the `cargo test` that runs this process. Its name has cargo's process id and, on Linux, the start time of
/// that process, so that each run has a new list.
pub fn list() -> PathBuf {
    let cargo = parent_id();
    let status = fs::read_to_string(format!("/proc/{cargo}/stat")).unwrap_or_default();
    // Field 22, counted after the name in parentheses.
    let started =
        status.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(19)).unwrap_or("0");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("skipped-{cargo}-{started}.txt"))
}

fn append(file: &Path, line: &str) {
    // One call: several processes may write.
    let file = OpenOptions::new().create(true).append(true).open(file);
    file.expect("the list of skipped tests can be opened")
        .write_all(line.as_bytes())
        .expect("the list of skipped tests can be written");
}
