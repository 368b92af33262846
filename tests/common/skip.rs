//! Says what was not tested, so that nobody takes a skipped test for a passed one.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Names a file that gets a line for each test that was skipped; `.ci/run` reads it.
const SKIPS: &str = "MLBACKEND_TEST_SKIPS";

/// A test, or what is left of it, is not run, and why.
pub fn skip(test: &str, why: &str) {
    let line = format!("SKIPPED: {test}: {why}\n");
    // Unlike what `eprintln!` says, this is shown of tests that pass, too.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = env::var_os(SKIPS).filter(|file| !file.is_empty()) {
        // One call: several processes may write.
        let file = OpenOptions::new().create(true).append(true).open(file);
        file.expect("the list of skipped tests can be opened")
            .write_all(line.as_bytes())
            .expect("… and written");
    }
}
