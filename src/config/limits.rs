//! Settings that limit uploads, datasets and model archives, and the silence before a response.
//!
//! Must not know where the limits are checked.

use std::time::Duration;

use clap::Args;

use super::parsers::{DAY, at_least_one, bytes, seconds};
use crate::backend::ImportLimits;
use crate::dataset::Limits;
use crate::units::ByteSize;

/// Maximum sizes of uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[command(next_help_heading = "Uploads")]
#[allow(clippy::struct_field_names, reason = "the unit belongs to the name")]
pub struct UploadLimits {
    /// Maximum size of a dataset, such as 500MiB or 1GiB
    #[arg(long = "max-dataset-bytes", env = "MOODLE_MLBACKEND_MAX_DATASET_BYTES", value_name = "BYTES", default_value = "1GiB", value_parser = bytes)]
    pub dataset_bytes: u64,
    /// Maximum size of a model archive to import
    #[arg(long = "max-archive-bytes", env = "MOODLE_MLBACKEND_MAX_ARCHIVE_BYTES", value_name = "BYTES", default_value = "256MiB", value_parser = bytes)]
    pub archive_bytes: u64,
}

/// Maximum dimensions of a dataset.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Datasets")]
pub struct DatasetLimits {
    /// Maximum number of samples (rows) in a dataset
    #[arg(long = "max-rows", env = "MOODLE_MLBACKEND_MAX_ROWS", value_name = "N", default_value_t = Limits::default().rows, value_parser = at_least_one)]
    rows: usize,
    /// Maximum number of samples stored per model for later trainings; of more samples, a random selection is stored
    #[arg(long = "max-kept-rows", env = "MOODLE_MLBACKEND_MAX_KEPT_ROWS", value_name = "N", default_value_t = Limits::default().kept_rows, value_parser = at_least_one)]
    kept_rows: usize,
    /// Maximum number of features (columns) in a dataset; an indicator of Moodle has one or more
    #[arg(long = "max-columns", env = "MOODLE_MLBACKEND_MAX_COLUMNS", value_name = "N", default_value_t = Limits::default().columns, value_parser = at_least_one)]
    columns: usize,
    /// Maximum number of classes (values of the target) in a dataset
    #[arg(long = "max-classes", env = "MOODLE_MLBACKEND_MAX_CLASSES", value_name = "N", default_value_t = Limits::default().classes, value_parser = at_least_one)]
    classes: usize,
}

impl From<DatasetLimits> for Limits {
    fn from(DatasetLimits { rows, kept_rows, columns, classes }: DatasetLimits) -> Self {
        Self { rows, kept_rows, columns, classes, ..Self::default() }
    }
}

/// How long the server is silent while it works.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Connections")]
pub struct KeepAlive {
    /// Seconds after which the response to a training, evaluation or prediction begins with white space, and the interval at
    /// which more is sent until the result, so that proxies do not time out; set it below the read timeout of every proxy.
    /// 0 sends nothing before the result
    #[arg(long = "keepalive-seconds", env = "MOODLE_MLBACKEND_KEEPALIVE_SECONDS", value_name = "SECONDS", default_value = "20", value_parser = seconds(0..=DAY))]
    keepalive: Duration,
}

impl KeepAlive {
    /// The maximum silence, if there is one.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        Some(self.keepalive).filter(|interval| !interval.is_zero())
    }
}

/// Reads the maximum size of a model archive when it is unpacked.
pub(super) fn unpacked_bytes(text: &str) -> Result<ImportLimits, String> {
    let (bytes, max) = (bytes(text)?, ImportLimits::LARGEST.bytes);
    if bytes > max {
        return Err(format!("expected at most {}", ByteSize(max)));
    }
    Ok(ImportLimits { bytes, ..ImportLimits::USUAL })
}
