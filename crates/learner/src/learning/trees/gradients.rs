//! First and second derivatives of the loss by one margin, the leaf values that follow from them, and the integers that
//! splits are chosen by.
//!
//! Must not know the loss, nor how a tree is grown.

use super::params::TreeParams;

/// Sums of first and second derivatives.
pub(super) type GradientSums = [f64; 2];

pub(super) fn plus(a: GradientSums, b: GradientSums) -> GradientSums {
    [a[0] + b[0], a[1] + b[1]]
}

/// The value of each leaf from the sums of its samples: a Newton step, −learning rate · Σ first / (Σ second + l2) (Friedman 2001;
/// with the penalty, Chen and Guestrin 2016).
pub(super) fn newton_steps(sums: &[GradientSums], params: &TreeParams) -> Vec<f32> {
    let step =
        |&[first, second]: &GradientSums| (-params.learning_rate * first / (second + params.l2)) as f32;
    sums.iter().map(step).collect()
}

/// Derivatives as integers, both in one `i64`: the first derivative in the upper half, the second, which is never negative,
/// in the lower half. One addition adds both, sums are exact and do not depend on the order of the samples, and so not on the
/// number of threads (quantised training: Shi et al. 2022, with far fewer levels).
pub(super) struct Quantised {
    /// For each output by sample; 0 for samples that are not used.
    pub outputs: Vec<Vec<i64>>,
    /// Units in 1, the same for all outputs.
    pub scale: [f64; 2],
}

/// The sum of the absolute values in units: no sum of a part can overflow 31 bits.
const UNITS: f64 = (1 << 30) as f64;

impl Quantised {
    /// The derivatives of `samples` by one or more outputs; `gradients` has those of all samples.
    pub fn new(gradients: &[&[[f32; 2]]], samples: &[u32]) -> Self {
        let mut largest = [0.0_f64; 2];
        for gradients in gradients {
            let mut sums = [0.0_f64; 2];
            for &sample in samples {
                let [first, second] = gradients[sample as usize];
                sums = plus(sums, [f64::from(first.abs()), f64::from(second)]);
            }
            largest = [largest[0].max(sums[0]), largest[1].max(sums[1])];
        }
        let scale = largest.map(|sum| if sum > 0.0 { UNITS / sum } else { 1.0 });
        let outputs = gradients.iter().map(|gradients| packed(gradients, samples, scale)).collect();
        Self { outputs, scale }
    }
}

fn packed(gradients: &[[f32; 2]], samples: &[u32], scale: [f64; 2]) -> Vec<i64> {
    let [first_scale, second_scale] = scale.map(|scale| scale as f32);
    let mut packed = vec![0; gradients.len()];
    for &sample in samples {
        let [first, second] = gradients[sample as usize];
        // Rounded up or down by a fixed sequence that is spread evenly over [0, 1): small derivatives of many samples
        // would otherwise all become 0.
        let dither = (sample.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 24) as f32;
        let first = floor(first * first_scale + dither);
        let second = floor(second * second_scale + dither).max(0);
        packed[sample as usize] = (i64::from(first) << 32) + i64::from(second);
    }
    packed
}

fn floor(value: f32) -> i32 {
    let truncated = value as i32;
    truncated - i32::from((truncated as f32) > value)
}

/// The first derivatives, in units, in a sum of [`Quantised::outputs`].
#[inline]
pub(super) fn first_of(packed: i64) -> i32 {
    (packed >> 32) as i32
}

/// The same of second derivatives.
#[inline]
pub(super) fn second_of(packed: i64) -> i32 {
    packed as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_integers_are_near_those_of_the_derivatives() {
        let gradients: Vec<[f32; 2]> = (0..60_000_u16)
            .map(|at| [(f32::from(at % 97) - 48.0) / 50_000.0, f32::from(at % 13) / 1_000.0])
            .collect();
        let samples: Vec<u32> = (0..60_000).filter(|at| at % 3 != 0).collect();
        let quantised = Quantised::new(&[&gradients], &samples);
        assert!(quantised.outputs[0][0] == 0, "not one of the samples");
        for part in [&samples[..1_000], &samples[500..600], &samples[..]] {
            let packed: i64 = part.iter().map(|&at| quantised.outputs[0][at as usize]).sum();
            let exact =
                part.iter().fold([0.0; 2], |sum, &at| plus(sum, gradients[at as usize].map(f64::from)));
            let first = f64::from(first_of(packed)) / quantised.scale[0];
            let second = f64::from(second_of(packed)) / quantised.scale[1];
            assert!((first - exact[0]).abs() < 1e-5, "{first} {}", exact[0]);
            assert!((second - exact[1]).abs() < 1e-4 * exact[1], "{second} {}", exact[1]);
        }
    }

    #[test]
    fn derivatives_far_below_a_unit_are_not_lost() {
        let mut gradients = vec![[1e-10_f32, 1e-10]; 100_000];
        gradients[0] = [1.0, 1.0];
        let samples: Vec<u32> = (0..100_000).collect();
        let quantised = Quantised::new(&[&gradients], &samples);
        let small: i64 = quantised.outputs[0][1..].iter().sum();
        assert!((f64::from(first_of(small)) / quantised.scale[0] - 1e-5).abs() < 2e-7);
    }
}
