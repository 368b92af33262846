//! Checks of the repository: the order of its modules, the words in its texts, the subjects of its commits, and a list that
//! must be complete.
//!
//! Owns access to the tracked files and the git history. Must not start the server: `tests/behaviour` does.
#![allow(clippy::unwrap_used, reason = "a panic is the failure of a test")]

mod commits;
mod fuzz_dictionary;
mod imports;
mod module_order;
#[allow(dead_code, reason = "the target `skipped` reads the list")]
#[path = "../common/skip.rs"]
mod skip;
mod source;
mod words;

use std::path::Path;
use std::process::Command;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The output of a git command; `None` without git or without a repository, as in an unpacked archive.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
