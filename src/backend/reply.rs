//! The replies that Moodle's plugin parses.
//!
//! Owns their fields, in the order of the JSON. Must not know how the values are computed.

use serde::Serialize;
use utoipa::ToSchema;

use crate::store::RunId;

/// Moodle's status bits; a strict integer on the wire, and the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Status(pub u8);

impl Status {
    /// Success.
    pub const OK: Self = Self(0);
    /// The dataset and its header contradict each other.
    pub const GENERAL_ERROR: Self = Self(1);
    /// There is no trained model.
    pub const NO_MODEL: Self = Self(2);
    /// The score is below the requested minimum.
    pub const LOW_SCORE: Self = Self(4);
    /// There are too few samples, or the results vary too much.
    pub const NOT_ENOUGH_DATA: Self = Self(8);

    /// The bits of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The reply to a training.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Training {
    /// 0, or 8 if a class has no sample.
    pub status: Status,
    /// Sentences for the administrator.
    pub info: Vec<String>,
    /// Why nothing was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<String>,
    /// The samples of the model, or of the dataset if nothing was trained; not part of the reply.
    #[serde(skip)]
    pub samples: usize,
    /// The generation that was published, if one was; not part of the reply.
    #[serde(skip)]
    pub generation: Option<u64>,
}

/// The result of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The generation that was published.
    pub generation: u64,
}

/// The reply to a request that failed after its response had begun, so that the HTTP status cannot say it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// 1.
    pub status: Status,
    /// The error, for clients that show `info`.
    pub info: [String; 1],
    /// The error.
    pub errors: String,
    /// Moodle requests the log of every evaluation; the log of this run is an empty zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runid: Option<RunId>,
}

impl Failure {
    /// The reply with this sentence. Moodle puts it into its page as HTML.
    #[must_use]
    pub fn new(error: &str, runid: Option<RunId>) -> Self {
        let html = error.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Self { status: Status::GENERAL_ERROR, info: [html.clone()], errors: html, runid }
    }
}

/// The reply to a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Prediction {
    /// 0, or 2 if the model has not been trained.
    pub status: Status,
    /// Sentences for the administrator.
    pub info: Vec<String>,
    /// The sample id, the label of the predicted class, and its probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Vec<(String, String, String)>>,
}

/// The reply to an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EvaluationReply {
    /// Absent if nothing could be measured.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub figures: Option<EvaluationFigures>,
    /// Status bits, see [`Status`].
    pub status: Status,
    /// Sentences for the administrator.
    pub info: Vec<String>,
    /// The run whose log can be fetched.
    #[schema(value_type = u64)]
    pub runid: RunId,
    /// The samples of the dataset; not part of the reply.
    #[serde(skip)]
    pub samples: usize,
}

/// The measured part of an [`EvaluationReply`].
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EvaluationFigures {
    /// Mean area under the ROC curve; two classes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// Its population standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auc_deviation: Option<f64>,
    /// Mean recall over classes.
    #[serde(rename = "balanced accuracy")]
    pub balanced_accuracy: f64,
    /// Share of correct predictions.
    pub accuracy: f64,
    /// Class-weighted precision.
    pub precision: f64,
    /// Class-weighted recall.
    pub recall: f64,
    /// Class-weighted F1.
    pub f1_score: f64,
    /// Population standard deviation of the score.
    pub score_deviation: f64,
    /// The mean of the weighted F1.
    pub score: f64,
    /// The requested minimum of the score.
    pub min_score: f64,
    /// The requested maximum of the score's deviation.
    pub accepted_deviation: f64,
    /// The directory of the run's log: relative on the server, a full path on the command line.
    pub dir: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_inert_in_a_web_page_and_has_a_run_only_for_evaluations() {
        let json = |run| serde_json::to_string(&Failure::new("a <b> & \"c\"", run)).expect("JSON");
        let text = r#""a &lt;b&gt; &amp; \"c\"""#;
        assert_eq!(json(None), format!(r#"{{"status":1,"info":[{text}],"errors":{text}}}"#));
        assert_eq!(
            json(Some(RunId(7))),
            format!(r#"{{"status":1,"info":[{text}],"errors":{text},"runid":7}}"#)
        );
    }
}
