//! Lists the tests that were skipped before, in the same `cargo test`, with a count and the reasons.
//!
//! No test of its own: a target without libtest's harness, because libtest decides what is ignored when it compiles, and
//! a missing tool shows only when a test runs. Cargo runs the targets in the order of their names. Where an earlier
//! target fails, cargo stops before this one; `cargo test --no-fail-fast` does not.

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
    // Tools that list the tests of all targets expect test names here, or nothing.
    if std::env::args().all(|argument| argument != "--list") {
        print!("{}", summary(&lines));
    }
}

/// One paragraph for each reason.
fn summary(lines: &str) -> String {
    let skipped: BTreeSet<&str> = lines.lines().filter_map(|line| line.strip_prefix("SKIPPED: ")).collect();
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in &skipped {
        // Rust's paths have colons without a space behind them.
        let (test, why) = line.split_once(": ").unwrap_or((line, "no reason was given"));
        reasons.entry(why).or_default().push(test);
    }
    let mut text = format!("\n{} skipped tests, counted as passed above\n", skipped.len());
    for (why, tests) in reasons {
        let _ = writeln!(text, "  {} because {why}:\n    {}", tests.len(), tests.join("\n    "));
    }
    text
}
