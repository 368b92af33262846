//! What the audit trail says about the result of an operation.
//!
//! Must not know who requested the operation, nor where its lines are written.

use super::error::{BackendError, ErrorKind};
use super::explain::Explanation;
use super::models::{KeptSamples, RolledBack};
use super::reply::{EvaluationReply, Imported, Prediction, Status, Training};
use crate::audit::{Outcome, Verdict};

/// The result of an operation for the audit trail.
pub trait Audited {
    /// The outcome: no text of a client, no path, no sample.
    fn outcome(&self) -> Outcome;
}

/// An operation that has nothing to say but that it is done.
impl Audited for () {
    fn outcome(&self) -> Outcome {
        Outcome::ok()
    }
}

impl Audited for Training {
    fn outcome(&self) -> Outcome {
        of_status(self.status).with_samples(self.samples).with_generation(self.generation)
    }
}

impl Audited for Prediction {
    fn outcome(&self) -> Outcome {
        of_status(self.status).with_samples(self.predictions.as_ref().map_or(0, Vec::len))
    }
}

impl Audited for Explanation {
    fn outcome(&self) -> Outcome {
        of_status(self.status).with_samples(self.explanations.len())
    }
}

/// A low score is a result, too.
impl Audited for EvaluationReply {
    fn outcome(&self) -> Outcome {
        let result = if self.figures.is_some() { Verdict::Ok } else { Verdict::NoResult };
        Outcome::of(result).with_samples(self.samples).with_run(self.runid)
    }
}

impl Audited for Imported {
    fn outcome(&self) -> Outcome {
        Outcome::ok().with_generation(Some(self.generation))
    }
}

impl Audited for RolledBack {
    fn outcome(&self) -> Outcome {
        let samples = self.generation.facts().get("samples").and_then(serde_json::Value::as_u64);
        let outcome = Outcome::ok().with_generation(Some(self.generation.number()));
        samples.map_or(outcome.clone(), |samples| outcome.with_samples(samples as usize))
    }
}

impl Audited for KeptSamples {
    fn outcome(&self) -> Outcome {
        match &self.0 {
            Some(writer) => Outcome::ok().with_samples(writer.samples()),
            None => Outcome::of(Verdict::NoResult),
        }
    }
}

/// An export: `None` if there is no model.
impl<T> Audited for Option<T> {
    fn outcome(&self) -> Outcome {
        Outcome::of(if self.is_some() { Verdict::Ok } else { Verdict::NoResult })
    }
}

impl Audited for BackendError {
    fn outcome(&self) -> Outcome {
        let kind = self.kind();
        let result = match kind {
            ErrorKind::BadInput | ErrorKind::Conflict | ErrorKind::NoBackground | ErrorKind::NoSpace => {
                Verdict::Refused
            }
            ErrorKind::NotTrained => Verdict::NoResult,
            ErrorKind::UnusableModel | ErrorKind::Unavailable | ErrorKind::Internal => Verdict::Failed,
            ErrorKind::Cancelled => Verdict::Abandoned,
        };
        Outcome::error(result, kind.name())
    }
}

impl<T: Audited, E: Audited> Audited for Result<T, E> {
    fn outcome(&self) -> Outcome {
        match self {
            Ok(value) => value.outcome(),
            Err(error) => error.outcome(),
        }
    }
}

fn of_status(status: Status) -> Outcome {
    Outcome::of(if status == Status::OK { Verdict::Ok } else { Verdict::NoResult })
}
