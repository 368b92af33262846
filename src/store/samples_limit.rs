//! The age of the samples of earlier generations, of which the retention keeps those that are young enough.
//!
//! Must not know what samples are, nor where they are stored.

use std::time::Duration;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::manifest::Manifest;
use super::retention::Retention;

/// The fact of a generation that says on which day (UTC, such as 2026-11-27) its oldest sample came. Without it, its samples
/// are as old as the generation. It is among the facts because earlier versions verify the checksum of all other fields.
pub const SAMPLES_SINCE: &str = "samples_since";

pub(super) const REASON: &str = "older than samples are kept";

/// The limit of the age of samples.
pub(super) struct SamplesLimit {
    /// The first day whose samples are kept.
    first: String,
    /// The first time of changes to files that are kept, since 1970.
    pub(super) since: Duration,
}

impl SamplesLimit {
    /// `None` if samples are kept for ever.
    pub(super) fn of(retention: Retention) -> Option<Self> {
        let age = SignedDuration::from_hours(24 * i64::from(retention.sample_days));
        let since = Timestamp::now().checked_sub(age).ok().filter(|_| retention.sample_days > 0)?;
        let seconds = u64::try_from(since.as_second()).unwrap_or(0);
        let first = Offset::UTC.to_datetime(since).date().to_string();
        Some(Self { first, since: Duration::from_secs(seconds) })
    }

    pub(super) fn is_outdated(&self, manifest: &Manifest) -> bool {
        let since = manifest.facts[SAMPLES_SINCE].as_str().or_else(|| manifest.created_at.get(..10));
        manifest.files.samples.is_some() && since.is_none_or(|since| since < self.first.as_str())
    }
}
