//! The day on which samples came, so that they can be forgotten by their age.
//!
//! Must not know which day it is now.

use serde::{Deserialize, Serialize};

/// A day: the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub u32);

impl Day {
    /// The day of samples that an earlier version stored without it.
    pub const UNKNOWN: Self = Self(0);
}
