//! Reports skipped tests: libtest counts them as passed.
//!
//! A line appears at once, amid the output; the target `skipped`, which runs after this one, lists all lines of one
//! `cargo test`. `.ci/run` reads them from the file that `MLBACKEND_TEST_SKIPS` names. Linux alone tells when a process
//! began; elsewhere the number of cargo's process alone names the list.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// Names a file that gets a line for each skipped test.
const SKIPS: &str = "MLBACKEND_TEST_SKIPS";

/// Reports that a test, or the rest of it, does not run, and why.
pub fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED: {test}: {why}\n");
    // Unlike `eprintln!`, this is also shown for tests that pass.
    let _ = std::io::stderr().write_all(line.as_bytes());
    append(&list(), &line);
    if let Some(file) = env::var_os(SKIPS).filter(|file| !file.is_empty()) {
        append(Path::new(&file), &line);
    }
}

/// The list of the `cargo test` that runs this process: another run has another one, so that no line is stale.
pub fn list() -> PathBuf {
    let cargo = parent_id();
    let status = fs::read_to_string(format!("/proc/{cargo}/stat")).unwrap_or_default();
    // The 22nd field, counted after the name in parentheses: when the process began.
    let begun = status.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(19)).unwrap_or("0");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("skipped-{cargo}-{begun}.txt"))
}

fn append(file: &Path, line: &str) {
    // One call: several processes may write.
    let file = OpenOptions::new().create(true).append(true).open(file);
    file.expect("the list of skipped tests can be opened")
        .write_all(line.as_bytes())
        .expect("the list of skipped tests can be written");
}
