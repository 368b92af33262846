//! The names of the dataset as the page shows them.
//!
//! Must not know where they are shown.

use super::super::RunReport;
use super::words::words;
use crate::text::Untrusted;

/// The names of the dataset, fit to be shown.
pub(in crate::report) struct Names {
    /// What is predicted, in words.
    pub(in crate::report) target: String,
    /// The classes in the order of the evaluation.
    pub(in crate::report) classes: Vec<String>,
}

impl Names {
    pub(in crate::report) fn of(report: &RunReport<'_>) -> Self {
        let target = report.dataset.target.as_deref().map_or_else(|| "the target".to_owned(), words);
        let labels = report.evaluation.map_or(&[][..], |evaluation| &evaluation.classes);
        Self { target, classes: labels.iter().map(|label| Self::class(label)).collect() }
    }

    /// A class by its label, which is a number in Moodle's datasets.
    pub(in crate::report) fn class(label: &str) -> String {
        format!("class {}", Untrusted(label).line(24))
    }
}
