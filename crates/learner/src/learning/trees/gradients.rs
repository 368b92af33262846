//! First and second derivatives of the loss by one margin, and the leaf values that follow from them.
//!
//! Must not know the loss, nor how a tree is grown.

use super::params::TreeParams;

/// Sums of first and second derivatives.
pub(super) type GradientSums = [f64; 2];

pub(super) fn plus(a: GradientSums, b: GradientSums) -> GradientSums {
    [a[0] + b[0], a[1] + b[1]]
}

pub(super) fn minus(a: GradientSums, b: GradientSums) -> GradientSums {
    [a[0] - b[0], a[1] - b[1]]
}

/// The sums over some samples; `gradients` has the derivatives of all.
pub(super) fn summed(gradients: &[[f32; 2]], samples: &[u32]) -> GradientSums {
    samples.iter().fold([0.0; 2], |sum, &sample| plus(sum, gradients[sample as usize].map(f64::from)))
}

/// The value of each leaf: a Newton step on all samples in it, −learning rate · Σ first / (Σ second + l2) (Friedman 2001;
/// with the penalty, Chen and Guestrin 2016).
pub(super) fn leaf_values(
    gradients: &[[f32; 2]],
    samples: &[u32],
    leaf_of: &[u16],
    params: &TreeParams,
) -> Vec<f32> {
    let mut sums: Vec<GradientSums> = vec![[0.0; 2]; 1 << params.depth];
    for (&sample, &leaf) in samples.iter().zip(leaf_of) {
        let sum = &mut sums[usize::from(leaf)];
        *sum = plus(*sum, gradients[sample as usize].map(f64::from));
    }
    let step = |[first, second]: GradientSums| (-params.learning_rate * first / (second + params.l2)) as f32;
    sums.into_iter().map(step).collect()
}
