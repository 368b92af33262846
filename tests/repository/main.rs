//! Checks of the repository itself: the order of its rooms, the words of its texts, the subjects of its commits.
//!
//! Reads tracked files and git's history. Must not start the server: `tests/behaviour` does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should report it and stop")]

mod commits;
mod imports;
mod module_order;
mod source;
mod words;

use std::path::Path;
use std::process::Command;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a git command prints, or `None` where git or its data is missing, as in an unpacked archive.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
