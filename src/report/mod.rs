//! Writes the report of an evaluation: `info.log` (plain text), `roc-curve.png` and `calibration.png` (charts),
//! `tensor/` (`TensorBoard` event files, to which Moodle refers its administrator), `report.json` (figures for
//! tools); and packs the files for a download.
//!
//! Owns what a report looks like. Must not know where runs are stored, which client requested them, or how a
//! model is trained: it takes facts and returns files.

mod archive;
mod calibration;
mod calibration_chart;
mod chart;
mod chart_panel;
mod error;
#[cfg(test)]
mod fixtures;
mod font;
mod format;
mod info_log;
mod raster;
mod report_json;
mod roc;
mod roc_chart;
mod roc_panel;
mod summary;
mod svg;
mod tensorboard;

pub use archive::{EMPTY_ZIP, zip};
pub use error::ReportError;

use std::io;

use crate::fs::failpoints::failpoint;
use crate::learning::Evaluation;

/// The facts of a report.
#[derive(Debug, Clone)]
pub struct RunReport<'a> {
    /// The run's id, as in Moodle's later requests.
    pub run: String,
    /// The start of the evaluation.
    pub started: jiff::Timestamp,
    /// The end of the evaluation.
    pub finished: jiff::Timestamp,
    /// The evaluated dataset.
    pub dataset: DatasetFacts,
    /// The minimum score (weighted F1) of a good model.
    pub min_score: f64,
    /// The maximum standard deviation of the score of a stable result.
    pub max_deviation: f64,
    /// The measured figures; `None` when the dataset could not be evaluated.
    pub evaluation: Option<&'a Evaluation>,
    /// Moodle's status bits, as in the response.
    pub status: u8,
    /// The messages in the response.
    pub info: &'a [String],
    /// Whether the stored model was evaluated, instead of models trained for this run.
    pub rated_trained_model: bool,
    /// Log lines of this run, and of no other.
    pub log: &'a [String],
}

/// A dataset, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Rows.
    pub samples: usize,
    /// Columns without the target.
    pub features: usize,
    /// Columns with more than one value; constant columns carry no information.
    pub varying_features: usize,
    /// Label and number of samples of each class, in the order of the header.
    pub class_counts: Vec<(String, usize)>,
    /// Moodle's time splitting method.
    pub time_splitting: Option<String>,
    /// Moodle's target.
    pub target: Option<String>,
}

/// Makes the report's files and passes each to `store` with its name, which has `/` between directories.
///
/// # Errors
/// When a file cannot be stored or a chart cannot be drawn; files stored before remain.
pub fn write(
    report: &RunReport<'_>,
    mut store: impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> Result<(), ReportError> {
    let mut store = |name: &str, bytes: &[u8]| store(name, bytes).map_err(ReportError::file(name));
    let mut save = |name: &str, bytes: &[u8]| {
        failpoint("write a report").map_err(ReportError::file(name))?;
        store(name, bytes)
    };
    save("info.log", info_log::text(report).as_bytes())?;
    save("report.json", &report_json::json(report)?)?;
    save(&tensorboard::file_name(report.started), &tensorboard::events(report))?;
    store("roc-curve.png", &roc_chart::draw(report)?)?;
    store("calibration.png", &calibration_chart::draw(report)?)
}

#[cfg(test)]
mod tests;
