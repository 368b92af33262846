//! How an operation ended.
//!
//! Must not know which error ended it: the caller gives a status and a reason.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::store::RunId;

/// The result of an operation in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It did what was requested.
    Ok,
    /// It ended without a result, for example because a class has no sample. No model was changed.
    NoResult,
    /// It was refused: the input is invalid, or the server is busy or has no space. No model was changed.
    Refused,
    /// It failed because of a fault of the server or of its machine.
    Failed,
    /// The client closed the connection before the operation started. Nothing was changed.
    Abandoned,
    /// Its process ended first. It may have been completed before that.
    Interrupted,
}

impl Verdict {
    /// The word in the trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NoResult => "no-result",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The result.
    pub result: Verdict,
    /// The HTTP status of an error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The kind of an error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The number of samples that were used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<u64>,
    /// The generation that was published.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub generation: Option<u64>,
    /// The evaluation run that was stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<u64>,
}

impl Outcome {
    /// An outcome with nothing but a result.
    #[must_use]
    pub const fn of(result: Verdict) -> Self {
        Self { result, status: None, reason: None, samples: None, generation: None, run: None }
    }

    /// A success.
    #[must_use]
    pub const fn ok() -> Self {
        Self::of(Verdict::Ok)
    }

    /// An error; `reason` is its kind, never a text that a client or a file has written.
    #[must_use]
    pub fn error(result: Verdict, reason: &'static str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::of(result) }
    }

    /// Adds the HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Adds the number of samples.
    #[must_use]
    pub fn with_samples(self, samples: usize) -> Self {
        Self { samples: Some(samples as u64), ..self }
    }

    /// Adds the published generation, if there is one.
    #[must_use]
    pub fn with_generation(self, generation: Option<u64>) -> Self {
        Self { generation, ..self }
    }

    /// Adds the stored evaluation run.
    #[must_use]
    pub fn with_run(self, run: RunId) -> Self {
        Self { run: Some(run.0), ..self }
    }
}
