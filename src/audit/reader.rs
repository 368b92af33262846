//! Reads the lines of the trail, also of one that is being written.
//!
//! Owns the limit of a line's length and the report of damaged lines. Must not know what is looked for.

use super::error::AuditError;
use super::filter::Filter;
use super::line::Line;
use super::place::TrailPlace;
use crate::store::Store;

/// A line that is no line of the trail, for example because a crash left it incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The name of its file.
    pub file: String,
    /// Its number, from 1.
    pub line: u64,
}

/// Passes all lines that pass the filter to `found`, oldest first, and all damaged lines of the same days.
///
/// # Errors
/// [`AuditError`] when a file cannot be read.
pub fn read(
    store: &Store,
    filter: &Filter,
    mut found: impl FnMut(Result<Line, Damaged>),
) -> Result<(), AuditError> {
    let place = TrailPlace::of(store);
    for day in place.days()?.into_iter().filter(|day| filter.includes_day(*day)) {
        let Some(mut lines) = place.open(day)? else { continue };
        let name = lines.name();
        while let Some(bytes) = lines.next_bytes()? {
            match serde_json::from_slice::<Line>(bytes) {
                Ok(line) if filter.passes(&line) => found(Ok(line)),
                Ok(_) => {}
                Err(_) => found(Err(Damaged { file: name.clone(), line: lines.number() })),
            }
        }
    }
    Ok(())
}
