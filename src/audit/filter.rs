//! Which lines of the trail are looked for.
//!
//! Must not know how they are read or shown.

use jiff::Timestamp;
use jiff::civil::Date;

use super::days::day_of;
use super::line::Line;
use super::operation::Operation;
use super::outcome::Verdict;

/// What lines must have in common; `None` and an empty list exclude nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The earliest time.
    pub since: Option<Timestamp>,
    /// The time before which they were written.
    pub until: Option<Timestamp>,
    /// The user.
    pub user: Option<String>,
    /// The `uniqueid`, or `uniqueid/dirhash`.
    pub model: Option<String>,
    /// One of these operations.
    pub operations: Vec<Operation>,
    /// One of these results, which the first line of an operation does not have.
    pub results: Vec<Verdict>,
    /// The id of the request.
    pub request: Option<String>,
}

impl Filter {
    /// Whether a day can have such lines.
    pub(super) fn includes_day(&self, day: Date) -> bool {
        self.since.is_none_or(|since| day >= day_of(since))
            && self.until.is_none_or(|until| day <= day_of(until))
    }

    pub(super) fn passes(&self, line: &Line) -> bool {
        let is =
            |wanted: &Option<String>, value: Option<&String>| wanted.is_none() || wanted.as_ref() == value;
        self.since.is_none_or(|since| line.time >= since)
            && self.until.is_none_or(|until| line.time < until)
            && is(&self.user, Some(&line.user))
            && is(&self.request, line.request.as_ref())
            && (is(&self.model, line.uniqueid.as_ref()) || is(&self.model, line.model().as_ref()))
            && (self.operations.is_empty() || self.operations.contains(&line.operation))
            && (self.results.is_empty()
                || line.outcome.as_ref().is_some_and(|is| self.results.contains(&is.result)))
    }
}
