//! The whole learner as a linfa model: `fit` a dataset, `predict` classes.
//!
//! Must not know how a model is trained.

use linfa::dataset::AsSingleTargets;
use linfa::traits::{Fit, PredictInplace};
use linfa::{DatasetBase, ParamGuard};
use ndarray::{Array1, ArrayBase, ArrayView2, Data, Ix2};

use super::metrics::most_probable;
use super::{LearningError, TrainedModel, train};
use crate::dataset::{Class, Features, Labelled};

/// The parameters of [`train`] as those of a linfa model, not yet checked.
///
/// ```
/// use learner::learning::LearnerParams;
/// use linfa::DatasetBase;
/// use linfa::traits::{Fit, Predict};
/// use ndarray::array;
///
/// let clicks = array![[-1.0_f32], [-0.5], [0.5], [1.0]];
/// let dataset = DatasetBase::new(clicks, array![1_usize, 1, 0, 0]);
/// let model = LearnerParams::new().fit(&dataset)?;
/// assert_eq!(model.predict(&array![[-0.75_f32], [0.75]]), array![1, 0]);
/// # Ok::<(), learner::learning::LinfaError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnerParams(LearnerValidParams);

/// The checked parameters of [`LearnerParams`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnerValidParams {
    max_classes: usize,
}

/// Why a dataset of linfa cannot be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum LinfaError {
    /// Fewer than two classes are allowed.
    #[error("max_classes is {0}, but a classifier needs at least 2")]
    TooFewClasses(usize),
    /// A target is too large.
    #[error("target {target} is not below max_classes, {max_classes}; raise max_classes")]
    TargetTooLarge {
        /// The target.
        target: usize,
        /// The limit.
        max_classes: usize,
    },
    /// There are as many targets as samples.
    #[error("{samples} samples have {targets} targets; each sample needs one")]
    MissingTargets {
        /// The number of samples.
        samples: usize,
        /// The number of targets.
        targets: usize,
    },
    /// The samples cannot be trained on.
    #[error(transparent)]
    Learning(#[from] LearningError),
    /// An error of linfa.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}
