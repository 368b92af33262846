//! Finds planted symbolic links, so that they can be reported to the administrator.
//!
//! They are reported by their location; their targets are not read. None is removed, unless it
//! is in the hidden directory among what is cleared anyway.

use super::check::{Finding, Mended};
use super::error::StoreError;
use super::files;
use crate::fs::nofollow::{Kind, NoFollowPath};

/// What is said of a link, wherever it is.
pub(super) const PROBLEM: &str = "a link; not followed";

impl Finding {
    pub(super) fn link(place: impl Into<String>) -> Self {
        Self::new(place, PROBLEM, Mended::Cannot("remove it, or put there what it leads to"))
    }

    /// Whether it is about a link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.problem == PROBLEM
    }
}

/// The links in one directory.
pub(super) fn links_in(directory: &NoFollowPath, name: &str) -> Result<Vec<Finding>, StoreError> {
    let links = entries(directory)?.into_iter().filter(|(_, kind)| *kind == Kind::Link);
    Ok(links.map(|(inner, _)| Finding::link(format!("{name}/{inner}"))).collect())
}

/// All links below a model's directory.
pub(super) fn links_below(directory: &NoFollowPath) -> Result<Vec<Finding>, StoreError> {
    let mut links = Vec::new();
    let mut ahead = vec![String::new()];
    while let Some(below) = ahead.pop() {
        for (name, kind) in entries(&directory.join(&below))? {
            let inner = if below.is_empty() { name } else { format!("{below}/{name}") };
            match kind {
                Kind::Link => links.push(Finding::link(inner)),
                Kind::Directory => ahead.push(inner),
                Kind::File | Kind::Other => {}
            }
        }
    }
    links.sort_unstable_by(|one, other| one.place.cmp(&other.place));
    Ok(links)
}

/// An operation stopped by a link that is reported already is no further failure.
pub(super) fn unless_told<T>(
    result: Result<T, StoreError>,
    told: &[Finding],
) -> Result<Option<T>, StoreError> {
    match result {
        Err(StoreError::Link { .. }) if told.iter().any(Finding::is_link) => Ok(None),
        result => result.map(Some),
    }
}

/// The names in a directory with what they are, sorted; none when it is not there.
pub(super) fn entries(directory: &NoFollowPath) -> Result<Vec<(String, Kind)>, StoreError> {
    let entries = files::entries(directory)?.into_iter();
    Ok(entries.map(|entry| (entry.name.to_string_lossy().into_owned(), entry.kind)).collect())
}
