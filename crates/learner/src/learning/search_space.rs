//! The candidate learners that are compared, and the ones that are used without a comparison.
//!
//! Must not know how they are compared or fitted.

use super::basis::BasisParams;
use super::learner::Learner;
use super::linear::{LinearLearner, LinearParams};
use super::trees::TreeLearner;

/// Every learner that is cross-validated. A new one needs a line here.
pub(super) const LEARNERS: &[&dyn Learner] = &[&LinearLearner, &TreeLearner];

/// Members of equal weight when there are too few samples to compare anything: a linear model and a smooth one, both
/// with a strong penalty against overfitting.
pub(super) const FOR_FEW_SAMPLES: [LinearParams; 2] = [
    LinearParams { basis: BasisParams { hinges: 0, random: 0 }, alpha: 30.0 },
    LinearParams { basis: BasisParams { hinges: 3, random: 100 }, alpha: 30.0 },
];
