//! The errors of writing and reading a report.
//!
//! Owns the causes. Must not know what a client reads of them.

use crate::fs::is_no_space;

/// A report could not be written or read. The texts are for the log: they name files of the report, never its
/// directory.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file of the report could not be written or read.
    #[error("the report's file {file}: {source}")]
    File {
        /// Its name relative to the report.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The SVG of a chart is invalid.
    #[error("a chart's SVG: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// A chart could not be encoded.
    #[error("a chart's PNG: {0}")]
    Png(#[from] png::EncodingError),
    /// The figures could not be written as JSON.
    #[error("report.json: {0}")]
    Json(#[from] serde_json::Error),
    /// The files could not be packed.
    #[error("the zip of the report: {0}")]
    Zip(#[from] zip::result::ZipError),
}

impl ReportError {
    /// Whether a file does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::File { source, .. } if is_no_space(source.kind()))
    }

    /// An error of the file named `file`, for `map_err`.
    pub(crate) fn file(file: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { file: file.into(), source }
    }
}
