//! Reads the newest lines of the trail, backwards, without reading all of it.
//!
//! Must not know what they are read for.

use std::ops::ControlFlow;

use super::error::AuditError;
use super::line::Line;
use super::place::TrailPlace;
use crate::store::Store;

/// Passes lines to `found`, newest first, until it breaks or `max_bytes` are read. Damaged lines are left out. Operations that
/// end while this reads may be missing.
///
/// # Errors
/// [`AuditError`] when a file cannot be read.
pub fn newest(
    store: &Store,
    max_bytes: u64,
    mut found: impl FnMut(Line) -> ControlFlow<()>,
) -> Result<(), AuditError> {
    let place = TrailPlace::of(store);
    let mut left = max_bytes;
    for day in place.days()?.into_iter().rev() {
        let Some((bytes, is_cut)) = place.end(day, left)? else { continue };
        left = left.saturating_sub(bytes.len() as u64);
        let mut lines = bytes.split(|byte| *byte == b'\n');
        if is_cut {
            // Probably the end of a line.
            lines.next();
        }
        for line in lines.rev().filter_map(|line| serde_json::from_slice::<Line>(line).ok()) {
            if found(line).is_break() {
                return Ok(());
            }
        }
        if left == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Operation, Outcome, Subject, Trail};
    use crate::store::ModelId;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
    fn lines_come_newest_first_until_the_limit_and_damaged_ones_are_left_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let trail = Trail::at(dir.path());
        for id in ["a", "b", "c"] {
            let subject = Subject::new(Operation::Prediction, Actor::local("me".to_owned()));
            let subject = subject.with_id(&ModelId::new(id).expect("an id"));
            trail.record(subject, Outcome::ok()).expect("written");
        }
        let audit = dir.path().join(".mlbackend/audit");
        let older = "{\"time\":\"2020-01-01T00:00:00.000Z\",\"event\":\"done\",\"operation\":\"export\",\"user\":\"u\",\
                     \"address\":\"local\",\"uniqueid\":\"old\"}\ndamaged\n";
        std::fs::write(audit.join("2020-01-01.jsonl"), older).expect("written");
        let store = Store::open(dir.path()).expect("a store");
        let ids = |max_bytes: u64, max: usize| {
            let mut ids = Vec::new();
            let found = |line: Line| {
                ids.push(line.uniqueid.unwrap_or_default());
                if ids.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            newest(&store, max_bytes, found).expect("readable");
            ids
        };
        assert_eq!(ids(1 << 20, 9), ["c", "b", "a", "old"]);
        assert_eq!(ids(1 << 20, 2), ["c", "b"]);
        let short = ids(250, 9);
        assert!(short.first().is_some_and(|id| id == "c") && short.len() < 3, "{short:?}");
    }
}
