//! Finds symbolic links, to report them to the administrator.
//!
//! Must not read their targets, nor remove them.

use super::files;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::store::error::StoreError;
use crate::store::finding::Finding;

/// All links below a directory.
pub(super) fn links_below(directory: &NoFollowPath) -> Result<Vec<Finding>, StoreError> {
    let mut links = Vec::new();
    let mut queue = vec![String::new()];
    while let Some(relative) = queue.pop() {
        for (name, kind) in entries(&directory.join(&relative))? {
            let path = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            match kind {
                Kind::Link => links.push(Finding::link(path)),
                Kind::Directory => queue.push(path),
                Kind::File | Kind::Other => {}
            }
        }
    }
    links.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(links)
}

/// Turns the error about a link into `None` if a link was already found.
pub(super) fn ignore_found_link<T>(
    result: Result<T, StoreError>,
    findings: &[Finding],
) -> Result<Option<T>, StoreError> {
    match result {
        Err(StoreError::Link { .. }) if findings.iter().any(Finding::is_link) => Ok(None),
        result => result.map(Some),
    }
}

/// The names and types of the entries of a directory, sorted; none if it does not exist.
pub(super) fn entries(directory: &NoFollowPath) -> Result<Vec<(String, Kind)>, StoreError> {
    let entries = files::entries(directory)?.into_iter();
    Ok(entries.map(|entry| (entry.name.to_string_lossy().into_owned(), entry.kind)).collect())
}
