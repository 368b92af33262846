//! Derivatives by a few random directions instead of by the margin of each class.
//!
//! All classes share the splits of a tree. With many classes, splits that are chosen by a few random projections of the
//! derivatives are as good as those chosen by all of them, and cost less (Iosipoi and Vakhrushev 2022). Must not know how trees
//! are grown.

use rayon::prelude::*;

use crate::learning::rng::Stream;

/// The number of directions.
const DIRECTIONS: usize = 5;

/// The derivatives of all samples by each direction, of those by each margin.
pub(super) fn sketch(by_margin: &[Vec<[f32; 2]>], stream: &mut Stream) -> Vec<Vec<[f32; 2]>> {
    let share = 1.0 / by_margin.len() as f32;
    let directions: Vec<Vec<f32>> =
        (0..DIRECTIONS).map(|_| by_margin.iter().map(|_| stream.normal() as f32).collect()).collect();
    let project = |direction: Vec<f32>| {
        let mut projected = vec![[0.0_f32; 2]; by_margin[0].len()];
        for (weight, derivatives) in direction.into_iter().zip(by_margin) {
            for (sum, &[first, second]) in projected.iter_mut().zip(derivatives) {
                // The mean of the second derivatives: the same for each direction.
                *sum = [sum[0] + weight * first, sum[1] + share * second];
            }
        }
        projected
    };
    directions.into_par_iter().map(project).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_keep_what_splits_are_chosen_by() {
        // Two groups of samples whose derivatives differ in one of 20 margins.
        let of_margin = |margin: usize| -> Vec<[f32; 2]> {
            (0..10).map(|sample| [if margin == 7 && sample < 5 { 1.0 } else { 0.0 }, 0.5]).collect()
        };
        let by_margin: Vec<Vec<[f32; 2]>> = (0..20).map(of_margin).collect();
        let sketched = sketch(&by_margin, &mut Stream::new(1));
        assert_eq!(sketched.len(), DIRECTIONS);
        for output in &sketched {
            assert!(
                output[..5]
                    .iter()
                    .all(|pair| pair[0].to_bits() == output[0][0].to_bits() && pair[0].abs() > 1e-6)
            );
            assert!(output[5..].iter().all(|pair| pair[0].abs() < 1e-6));
            assert!(output.iter().all(|pair| (pair[1] - 0.5).abs() < 1e-6));
        }
    }
}
