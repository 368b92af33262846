//! The audit trail of a data directory, read as any program would read it.
//!
//! Must not assert what a line says: the tests do.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The directory of the trail.
pub fn trail_dir(data: &Path) -> PathBuf {
    data.join(".mlbackend/audit")
}

/// The file of today.
pub fn trail_of_today(data: &Path) -> PathBuf {
    let now = jiff::Timestamp::now();
    trail_dir(data).join(format!("{}.jsonl", now.strftime("%Y-%m-%d")))
}

/// The text of the trail, oldest day first; empty if there is none.
pub fn trail_text(data: &Path) -> String {
    let entries = fs::read_dir(trail_dir(data)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).expect("the trail is text")).collect()
}

/// The lines of the trail, each of which has to be complete.
#[track_caller]
pub fn trail(data: &Path) -> Vec<Value> {
    let text = trail_text(data);
    assert!(text.is_empty() || text.ends_with('\n'), "an incomplete line: {text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}
