//! The operations that the audit trail names.
//!
//! Must not know how they work.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// An operation of the server or of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A training.
    Training,
    /// An evaluation, which stores a run.
    Evaluation,
    /// A prediction.
    Prediction,
    /// An explanation of predictions.
    Explanation,
    /// An import, which replaces a model.
    Import,
    /// An export.
    Export,
    /// The deletion of everything under one id.
    Deletion,
    /// The return to an earlier generation.
    Rollback,
    /// The download of a model's stored samples.
    SampleDownload,
    /// The files about a model for an auditor.
    AuditBundle,
    /// The cancellation of an asynchronous job, or the removal of its result.
    JobDeletion,
    /// The conversion of a model of the Python server.
    Migration,
    /// The removal of what the retention settings no longer keep.
    Pruning,
    /// The repair of damage.
    Repair,
}

impl Operation {
    /// Whether it changes the data directory: it is then recorded before it begins, and is refused if that fails.
    #[must_use]
    pub const fn is_change(self) -> bool {
        !matches!(
            self,
            Self::Prediction
                | Self::Explanation
                | Self::Export
                | Self::SampleDownload
                | Self::AuditBundle
                | Self::JobDeletion
        )
    }

    /// Whether its answer depends on its line. A model leaves the server in an export and stays usable for predictions
    /// when the disk is full; samples do not leave it without a line.
    #[must_use]
    pub const fn needs_line(self) -> bool {
        self.is_change() || matches!(self, Self::SampleDownload)
    }

    /// The name in the trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Evaluation => "evaluation",
            Self::Prediction => "prediction",
            Self::Explanation => "explanation",
            Self::Import => "import",
            Self::Export => "export",
            Self::Deletion => "deletion",
            Self::Rollback => "rollback",
            Self::SampleDownload => "sample-download",
            Self::AuditBundle => "audit-bundle",
            Self::JobDeletion => "job-deletion",
            Self::Migration => "migration",
            Self::Pruning => "pruning",
            Self::Repair => "repair",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_the_same_name_in_the_trail_and_on_the_command_line() {
        for operation in Operation::value_variants() {
            let json = serde_json::to_string(operation).expect("JSON");
            assert_eq!(json, format!("\"{operation}\""));
            assert_eq!(operation.to_possible_value().expect("shown").get_name(), operation.name());
        }
    }
}
