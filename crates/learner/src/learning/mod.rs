//! Trains and evaluates models: candidate learners, cross-validation, ensemble, metrics, evaluation.
//!
//! Pure computing: no files, no HTTP, no clock; randomness is seeded, so the same samples always give the same model. Must
//! not know any module of this crate but [`crate::dataset`].

mod additive_model;
mod basis;
mod calibration;
mod cross_validation;
mod decisions;
mod distribution;
mod ensemble;
mod evaluation;
mod explanation;
mod folds;
mod groups;
mod importance;
mod learner;
mod learning_curve;
mod linear;
mod linfa_fit;
mod linfa_models;
mod logistic;
mod metrics;
mod newton;
mod permutation;
mod permuted_margins;
mod preprocessing;
mod probability_counts;
mod progress;
mod repeated_rows;
mod rng;
mod search_space;
mod temperature;
mod time_limit;
mod train;
mod trained_model;
mod trees;

pub use calibration::{Calibration, CalibrationBin, CalibrationData};
pub use distribution::{Drift, FeatureDistribution, FeatureDrift, drift};
pub use evaluation::{Evaluation, Iteration, evaluate, evaluate_by_groups, evaluate_predictions};
pub use explanation::{Contribution, Contributions, Method, OutputExplanation, Sampling};
pub use groups::{GroupError, GroupErrors, GroupMetrics, Groups, Rate};
pub use learning_curve::LearningPoint;
pub use linfa_models::{LearnerParams, LearnerValidParams, LinfaError};
pub use metrics::{ClassMetrics, Metrics, RocCurve, most_probable};
pub use permutation::FeatureImportance;
pub use probability_counts::{Flagged, ProbabilityCounts};
pub use progress::Progress;
pub use temperature::temperature_scaled_log_loss;
pub use time_limit::{TrainingPhase, TrainingTime};
pub use train::{train, train_within};
pub use trained_model::TrainedModel;

pub(crate) use additive_model::{AdditiveModel, LinearModel, margin_count};
pub(crate) use basis::{Basis, RandomFeatures, Term};
pub(crate) use preprocessing::{CLIP, Input};
pub(crate) use trees::{Forest, Tree, TreeSplit};

use crate::dataset::Class;

/// Why a training or an evaluation is not possible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearningError {
    /// A class has no sample.
    #[error("class {0} has no sample")]
    ClassWithoutSample(Class),
    /// A class has fewer than two samples: one to train on and one to test.
    #[error(
        "class {class} has {samples} sample(s), and an evaluation needs at least 2 of each class: one to train \
         on and one to test"
    )]
    TooFewToSplit {
        /// The class.
        class: Class,
        /// The number of its samples.
        samples: usize,
    },
}
