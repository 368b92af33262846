//! A job as data: what to do, with which model and which files, and for whom.
//!
//! Must not know how it is done, nor where it waits.

use serde::{Deserialize, Serialize};

use super::report_address::ReportAddress;
use crate::audit::{Actor, Operation, Subject};
use crate::backend::{EvaluationRequest, Upload};
use crate::store::ModelKey;

/// What a job does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "operation")]
pub(in crate::http) enum Task {
    /// Trains a model.
    Training,
    /// Evaluates a model, or the one at another `dirhash`.
    Evaluation { request: EvaluationRequest, trained: Option<String>, report: Option<ReportAddress> },
    /// Predicts samples.
    Prediction,
    /// Explains predictions.
    Explanation { top: Option<usize> },
}

/// The uploads of a job.
pub(in crate::http) struct Files {
    pub(in crate::http) dataset: Upload,
    /// The samples that an explanation compares with.
    pub(in crate::http) background: Option<Upload>,
}

/// A job.
pub(in crate::http) struct Job {
    pub(in crate::http) task: Task,
    pub(in crate::http) key: ModelKey,
    pub(in crate::http) actor: Actor,
    pub(in crate::http) files: Files,
    /// The size of the dataset.
    pub(in crate::http) bytes: u64,
}

impl Task {
    /// The operation in the audit trail.
    pub(in crate::http) fn operation(&self) -> Operation {
        match self {
            Self::Training => Operation::Training,
            Self::Evaluation { .. } => Operation::Evaluation,
            Self::Prediction => Operation::Prediction,
            Self::Explanation { .. } => Operation::Explanation,
        }
    }

    /// Whether it stores something.
    pub(in crate::http) fn stores(&self) -> bool {
        matches!(self, Self::Training | Self::Evaluation { .. })
    }
}

impl Job {
    /// What the audit trail says about it.
    pub(super) fn subject(&self) -> Subject {
        let subject = Subject::new(self.task.operation(), self.actor.clone()).with_key(&self.key);
        subject.with_upload(Some(self.bytes), self.files.dataset.sha256())
    }
}
