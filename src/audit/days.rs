//! The files of the trail: one for each day, and how long they are kept.
//!
//! Must not know what their lines say.

use std::io::ErrorKind;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::error::AuditError;
use crate::fs::failpoints::failpoint;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::{IoContext, StoreError};

/// What follows the date in the name of a file.
const EXTENSION: &str = ".jsonl";

/// A file that was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedDay {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// The day of a time, in UTC.
pub(super) fn day_of(time: Timestamp) -> Date {
    Offset::UTC.to_datetime(time).date()
}

/// The file of a day.
pub(super) fn file_of(dir: &NoFollowPath, day: Date) -> NoFollowPath {
    dir.join(format!("{day}{EXTENSION}"))
}

/// The day that a file is named after.
pub(super) fn day_of_name(name: &str) -> Option<Date> {
    let day: Date = name.strip_suffix(EXTENSION)?.parse().ok()?;
    // Other spellings of a date are parsed, too.
    (format!("{day}{EXTENSION}") == name).then_some(day)
}

/// The days that have a file, oldest first; none if there is no trail.
pub(super) fn days(dir: &NoFollowPath) -> Result<Vec<Date>, StoreError> {
    let entries = match dir.list() {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        entries => entries.context("list", dir)?,
    };
    let files = entries.into_iter().filter(|entry| entry.kind == Kind::File);
    let mut days: Vec<Date> = files.filter_map(|entry| day_of_name(entry.name.to_str()?)).collect();
    days.sort_unstable();
    Ok(days)
}

/// Removes the files of days that ended more than `keep` days before `today`; 0 keeps all. With `dry_run`, removes nothing.
pub(super) fn remove_outdated(
    dir: &NoFollowPath,
    keep: u32,
    today: Date,
    dry_run: bool,
) -> Result<Vec<RemovedDay>, AuditError> {
    let mut removed = Vec::new();
    let Some(first) = first_kept(keep, today) else { return Ok(removed) };
    for day in days(dir)?.into_iter().filter(|day| *day < first) {
        let file = file_of(dir, day);
        let Some(metadata) = file.metadata().context("look at", &file)? else { continue };
        if !dry_run {
            match failpoint("remove a file of the audit trail").and_then(|()| file.remove_file()) {
                // Another process has removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                result => result.context("remove", &file)?,
            }
        }
        removed.push(RemovedDay { name: format!("{day}{EXTENSION}"), bytes: metadata.size });
    }
    Ok(removed)
}

/// The first day that is kept; `None` if all are.
pub(super) fn first_kept(keep: u32, today: Date) -> Option<Date> {
    let days = SignedDuration::from_hours(24 * i64::from(keep));
    if keep == 0 { None } else { today.checked_sub(days).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_file_is_kept_for_the_given_number_of_days_after_its_own() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = NoFollowPath::root(dir.path());
        for name in ["2026-01-01.jsonl", "2026-01-02.jsonl", "2026-01-03.jsonl", "2026-1-1.jsonl", "notes"] {
            root.join(name).create_new().expect("created");
        }
        let removed = |keep, day, dry_run| {
            let removed = remove_outdated(&root, keep, date(2026, 1, day), dry_run).expect("removed");
            removed.into_iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert_eq!(removed(0, 30, false), [""; 0]);
        assert_eq!(removed(2, 3, false), [""; 0]);
        assert_eq!(removed(2, 4, true), ["2026-01-01.jsonl"]);
        assert_eq!(removed(2, 4, false), ["2026-01-01.jsonl"]);
        assert_eq!(removed(2, 4, false), [""; 0]);
        assert_eq!(days(&root).expect("listed"), [date(2026, 1, 2), date(2026, 1, 3)]);
        assert_eq!(root.list().expect("listed").len(), 4);
        assert_eq!(removed(u32::MAX, 30, false), [""; 0], "a date before all dates");
    }
}
