//! The facts of one evaluation run: the input of every part of the report.
//!
//! Must not know how a part shows them.

use super::previous_run::PreviousRun;
use crate::dataset::DataQuality;
use crate::learning::{Drift, Evaluation};

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
    /// What is remarkable about the dataset; `None` when it could not be evaluated.
    pub quality: Option<&'a DataQuality>,
    /// The difference of the dataset from what the tested model learnt from, where it is known.
    pub drift: Option<&'a Drift>,
    /// The model's run before this one.
    pub previous: Option<&'a PreviousRun>,
    /// The minimum score (weighted F1) of a good model.
    pub min_score: f64,
    /// The maximum standard deviation of the score of a stable result.
    pub max_deviation: f64,
    /// The measured metrics; `None` when the dataset could not be evaluated.
    pub evaluation: Option<&'a Evaluation>,
    /// Moodle's status bits, as in the response.
    pub status: u8,
    /// The messages in the response.
    pub info: &'a [String],
    /// Whether the stored model was evaluated, instead of models trained for this run.
    pub rated_trained_model: bool,
}

/// The facts of a dataset; empty where they are unknown.
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
