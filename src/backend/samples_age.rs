//! The age of stored samples: which day it is, and which samples are too old to be kept.
//!
//! Must not know how samples are stored, nor how a model is trained.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::dataset::{Day, StoredSamples};
use crate::store::Generation;

/// Today, in UTC.
pub(super) fn today() -> Day {
    day_of(Timestamp::now())
}

/// The day on which a generation was published.
pub(super) fn published(generation: &Generation) -> Option<Day> {
    generation.first_published_at().parse().ok().map(day_of)
}

/// In seconds.
const DAY: i64 = 24 * 60 * 60;

fn day_of(time: Timestamp) -> Day {
    Day(u32::try_from(time.as_second().div_euclid(DAY)).unwrap_or(0))
}

/// A day as a date, such as 2026-11-27.
pub(super) fn date(day: Day) -> Option<String> {
    let time = Timestamp::from_second(i64::from(day.0) * DAY).ok()?;
    Some(Offset::UTC.to_datetime(time).date().to_string())
}

/// Forgets the samples that came more than `days` days ago; 0 keeps all. Returns their number.
pub(super) fn forget(stored: &mut StoredSamples, days: u32, today: Day) -> usize {
    if days == 0 {
        return 0;
    }
    let forgotten = stored.forget_before(Day(today.0.saturating_sub(days)));
    if forgotten > 0 {
        tracing::info!(
            samples = forgotten,
            days,
            "samples older than MOODLE_MLBACKEND_KEEP_SAMPLE_DAYS are forgotten"
        );
    }
    forgotten
}
