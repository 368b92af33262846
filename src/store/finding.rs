//! The result of an examination: what is wrong, and what can be done about it.
//!
//! Must not know how anything is examined or repaired.

use std::fmt::Display;

/// The problem of every symbolic link.
pub(super) const LINK: &str = "a link; not followed";

/// Something that is damaged or unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Relative to the examined directory.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What can be done about it, or was done.
    pub repair: Repair,
}

/// What can be done about a finding, or was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Nothing is wrong.
    NotNeeded,
    /// `--repair` would do this.
    Possible(&'static str),
    /// `--repair` has done this.
    Done(&'static str),
    /// Only the administrator can do this.
    Manual(&'static str),
}

impl Finding {
    pub(super) fn new(path: impl Into<String>, problem: impl Into<String>, repair: Repair) -> Self {
        Self { path: path.into(), problem: problem.into(), repair }
    }

    /// Something that cannot be examined.
    pub fn unreadable(path: impl Into<String>, error: impl Display) -> Self {
        let remedy = "give this user read and write permission, then check again";
        Self::new(path, error.to_string(), Repair::Manual(remedy))
    }

    pub(super) fn note(path: impl Into<String>, problem: &str) -> Self {
        Self::new(path, problem, Repair::NotNeeded)
    }

    pub(super) fn link(path: impl Into<String>) -> Self {
        Self::new(path, LINK, Repair::Manual("remove it, or replace it by a copy of its target"))
    }

    /// Whether this is a symbolic link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.problem == LINK
    }
}
