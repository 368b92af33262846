//! Turns an evaluation into the files that an administrator reads: `info.log`
//! (plain words), `roc-curve.png` and `calibration.png` (charts), `tensor/` (`TensorBoard` event files,
//! where Moodle points its administrator), `report.json` (figures for tools);
//! and packs them for the download.
//!
//! Owns what a report looks like. Must not know where runs are kept, who asked,
//! or how anything was learnt: it is handed facts and hands out files.

mod archive;
mod calibration;
mod calibration_chart;
mod canvas;
mod chart_panel;
mod error;
#[cfg(test)]
mod fixtures;
mod format;
mod info_log;
mod report_json;
mod roc;
mod roc_chart;
mod summary;
mod tensorboard;

pub use archive::{EMPTY_ZIP, zip};
pub use error::ReportError;

use std::io;

use crate::fs::failpoints::failpoint;
use crate::learning::Evaluation;

/// The facts that a report is made of.
#[derive(Debug, Clone)]
pub struct RunReport<'a> {
    /// The run's id as Moodle will ask for it.
    pub run: String,
    /// When the evaluation began.
    pub started: jiff::Timestamp,
    /// When it was done.
    pub finished: jiff::Timestamp,
    /// What the dataset was like.
    pub dataset: DatasetFacts,
    /// The score (weighted F1) below which the model is called not good.
    pub min_score: f64,
    /// The deviation of the score above which the result is called unsteady.
    pub max_deviation: f64,
    /// What was measured; `None` when nothing could be.
    pub evaluation: Option<&'a Evaluation>,
    /// Moodle's status bits, as in the answer.
    pub status: u8,
    /// The sentences that the answer carried.
    pub info: &'a [String],
    /// Whether a stored model was rated, instead of models trained for this run.
    pub rated_trained_model: bool,
    /// Lines of this run (and of no other) to include as they are.
    pub log: &'a [String],
}

/// What a dataset was like, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Rows.
    pub samples: usize,
    /// Columns without the target.
    pub features: usize,
    /// Columns with more than one value; the others teach nothing.
    pub varying_features: usize,
    /// Label and number of samples of each class, in the order of the header.
    pub class_counts: Vec<(String, usize)>,
    /// The time splitting method that Moodle named.
    pub time_splitting: Option<String>,
    /// The target that Moodle named.
    pub target: Option<String>,
}

/// Makes the report's files and gives each to `keep` with its name, which has `/` between directories.
///
/// # Errors
/// When a file cannot be kept or a chart cannot be drawn; what was kept before stays.
pub fn write(
    report: &RunReport<'_>,
    mut keep: impl FnMut(&str, &[u8]) -> io::Result<()>,
) -> Result<(), ReportError> {
    let mut keep = |name: &str, bytes: &[u8]| keep(name, bytes).map_err(ReportError::file(name));
    let mut save = |name: &str, bytes: &[u8]| {
        failpoint("write a report").map_err(ReportError::file(name))?;
        keep(name, bytes)
    };
    save("info.log", info_log::text(report).as_bytes())?;
    save("report.json", &report_json::json(report)?)?;
    save(&tensorboard::file_name(report.started), &tensorboard::events(report))?;
    keep("roc-curve.png", &roc_chart::draw(report)?)?;
    keep("calibration.png", &calibration_chart::draw(report)?)
}

#[cfg(test)]
mod tests;
