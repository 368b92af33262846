//! Writes the report of an evaluation: `report.html` (a page for people), `info.log` (plain text), charts as PNG files (docs/report.md
//! lists them), `tensor/` (`TensorBoard` event files, to which Moodle refers its administrator), `report.json` (figures for
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
mod html;
mod info_log;
mod moodle_info;
mod palette;
mod plot_pictures;
mod previous_run;
mod raster;
mod report_json;
mod roc;
mod roc_chart;
mod roc_panel;
mod run_report;
#[cfg(test)]
mod schema_page;
mod summary;
mod svg;
mod table_pictures;
mod tensorboard;
mod tensorboard_messages;

pub use archive::{EMPTY_ZIP, zip};
pub use error::ReportError;
pub use html::words;
pub use moodle_info::{moodle_info, result_sentences};
pub use previous_run::PreviousRun;
pub use run_report::{DatasetFacts, RunReport};

use std::io;

use crate::fs::failpoints::failpoint;

/// The file of a run that people read.
pub const REPORT_HTML: &str = "report.html";

/// The file of a run with its figures.
pub const REPORT_JSON: &str = "report.json";

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
    save(REPORT_HTML, html::page(report).as_bytes())?;
    save(REPORT_JSON, &report_json::json(report)?)?;
    let roc = roc_chart::draw(report)?;
    save(&tensorboard::file_name(report.started), &tensorboard::events(report, &roc))?;
    store("roc-curve.png", &roc)?;
    store("calibration.png", &calibration_chart::draw(report)?)?;
    let Some(evaluation) = report.evaluation else { return Ok(()) };
    store("probabilities.png", &plot_pictures::probabilities(report, evaluation)?)?;
    let optional = [
        ("thresholds.png", plot_pictures::thresholds(report, evaluation)?),
        ("precision-recall.png", plot_pictures::precision_recall(report, evaluation)?),
        ("importance.png", table_pictures::importance(report, evaluation)?),
        ("confusion.png", table_pictures::confusion(report, evaluation)?),
    ];
    optional.into_iter().try_for_each(|(name, picture)| picture.map_or(Ok(()), |bytes| store(name, &bytes)))
}

#[cfg(test)]
mod tests;
