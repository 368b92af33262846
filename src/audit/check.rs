//! Checks the files of the trail.
//!
//! Must not know how findings are shown.

use super::error::AuditError;
use super::filter::Filter;
use super::place::TrailPlace;
use super::reader::read;
use crate::fs::nofollow::Kind;
use crate::store::{Finding, IoContext as _, Repair, Store};

/// Finds damaged lines. Nothing repairs them: they cannot be recovered, and the other lines are readable.
///
/// # Errors
/// [`AuditError`] when a file cannot be read.
pub fn check(store: &Store) -> Result<Vec<Finding>, AuditError> {
    if let TrailPlace::Directory(dir) = TrailPlace::of(store)
        // A link would be reported by each file.
        && !matches!(dir.kind().context("look at", &dir)?, Some(Kind::Directory))
    {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    read(store, &Filter::default(), |line| {
        if let Err(damaged) = line {
            findings.push(Finding {
                path: format!(".mlbackend/audit/{}", damaged.file),
                problem: format!("line {} is damaged and is skipped", damaged.line),
                repair: Repair::NotNeeded,
            });
        }
    })?;
    Ok(findings)
}
