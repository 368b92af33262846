//! Prints the skipped tests of the same `cargo test`, with their number and the reasons.
//!
//! It has no tests and no libtest harness: libtest decides at compile time what is ignored, but a missing tool is noticed
//! only when a test runs. Cargo runs targets in the order of their names. If an earlier target fails, this one runs only
//! with `cargo test --no-fail-fast`. Must not know which tests can be skipped.

#[allow(dead_code, reason = "this target only reads the list")]
#[path = "common/skip.rs"]
mod skip;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

fn main() {
    let list = skip::list();
    let lines = fs::read_to_string(&list).unwrap_or_default();
    let _ = fs::remove_file(&list);
    // Tools that list the tests of all targets expect test names, or nothing.
    if std::env::args().all(|argument| argument != "--list") {
        print!("{}", summary(&lines));
    }
}

/// One paragraph for each reason.
fn summary(lines: &str) -> String {
    let skipped: BTreeSet<&str> = lines.lines().filter_map(|line| line.strip_prefix("SKIPPED: ")).collect();
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in &skipped {
        // The colons in Rust paths have no space after them.
        let (test, reason) = line.split_once(": ").unwrap_or((line, "no reason was given"));
        reasons.entry(reason).or_default().push(test);
    }
    let mut text = format!("\n{} skipped tests, counted as passed above\n", skipped.len());
    for (reason, tests) in reasons {
        let _ = writeln!(text, "  {} because {reason}:\n    {}", tests.len(), tests.join("\n    "));
    }
    text
}
