//! Estimates of the contributions to any model, by random orders of the features (Castro, Gómez and Tejada 2009).
//!
//! Each order starts from a background sample and replaces one value after the other by that of the sample. Orders come in
//! pairs, each with its reverse, which cancels the largest part of the error (Mitchell et al. 2022). The background
//! samples take turns. Must not know how the model works.

use super::outputs::{OutputExplanation, of_probabilities};
use super::{Contributions, Method};
use crate::dataset::Features;
use crate::learning::rng::Stream;

/// How many orders are tried for each sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    pairs: usize,
}

/// Below it an estimate tells too little, beyond it costs more than it helps.
const MIN_PAIRS: usize = 4;
const MAX_PAIRS: usize = 100;

/// The model is run on at most this many values, and on this many at once.
const MAX_CELLS: usize = 4_000_000_000;
const BATCH_CELLS: usize = 2_000_000;

/// "explain" in ASCII.
const SEED: u64 = 0x65_7870_6c61_696e;

impl Sampling {
    /// As many orders as need at most `rows` rows of the model for this many samples and features.
    ///
    /// # Errors
    /// The maximum number of samples, if there are too many.
    pub fn new(samples: usize, features: usize, rows: usize) -> Result<Self, usize> {
        let rows = rows.min(MAX_CELLS / features.max(1));
        let rows_of_a_pair = 2 * features.max(1);
        let pairs = rows / samples.max(1) / rows_of_a_pair;
        if pairs < MIN_PAIRS {
            return Err(rows / (MIN_PAIRS * rows_of_a_pair));
        }
        Ok(Self { pairs: pairs.min(MAX_PAIRS) })
    }

    /// The contributions to the predictions of `samples`, the `top` largest of each output one by one. `predict` has the
    /// probabilities of `classes` classes for samples: row by row, both times.
    ///
    /// # Errors
    /// Those of `predict`.
    pub fn explain<E>(
        self,
        samples: &Features,
        background: &Features,
        classes: usize,
        top: usize,
        predict: impl Fn(&[f32]) -> Result<Vec<f64>, E>,
    ) -> Result<Contributions, E> {
        let outputs = |rows: &[f32]| -> Result<Vec<Vec<f64>>, E> {
            Ok(predict(rows)?.chunks_exact(classes).map(of_probabilities).collect())
        };
        let width = samples.columns().len();
        let all = rows(background, 0..background.rows());
        let of_background = outputs(&all)?;
        let count = if classes == 2 { 1 } else { classes };
        let mean = |output: usize| {
            of_background.iter().map(|values| values[output]).sum::<f64>() / of_background.len().max(1) as f64
        };
        let base: Vec<f64> = (0..count).map(mean).collect();
        let numbers: Vec<u32> = (0..samples.rows() as u32).collect();
        let seeds = samples.row_hashes(&numbers);
        let mut explained = Vec::with_capacity(samples.rows());
        for (row, seed) in seeds.into_iter().enumerate() {
            let sample = rows(samples, row..row + 1);
            let value = outputs(&sample)?.remove(0);
            let walks = self.walks(&sample, &all, seed);
            let found = along(&walks, &sample, &all, outputs)?;
            let estimate = estimate(&walks, width, &value, &of_background, &found);
            let explanation = |output: usize| {
                let (means, errors) = &estimate[output];
                let feature = |at: usize| (at, sample[at]);
                OutputExplanation::new(value[output], base[output], means, Some(errors), top, feature)
            };
            explained.push((0..count).map(explanation).collect());
        }
        Ok(Contributions { method: Method::Sampled { orders: 2 * self.pairs }, base, samples: explained })
    }

    /// The orders of one sample; each second one is the reverse of the one before.
    fn walks(self, sample: &[f32], background: &[f32], seed: u64) -> Vec<Walk> {
        let width = sample.len();
        let backgrounds = background.len() / width.max(1);
        let mut stream = Stream::new(seed ^ SEED);
        let mut walks = Vec::with_capacity(2 * self.pairs);
        let pairs = if backgrounds == 0 { 0 } else { self.pairs };
        for pair in 0..pairs {
            // Spread over the background, in turns.
            let start =
                if self.pairs < backgrounds { pair * backgrounds / self.pairs } else { pair % backgrounds };
            let other = &background[start * width..][..width];
            let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            let mut order: Vec<usize> = (0..width).filter(|&at| !same(sample[at], other[at])).collect();
            stream.shuffle(&mut order);
            let reverse = order.iter().rev().copied().collect();
            walks.extend([Walk { start, order }, Walk { start, order: reverse }]);
        }
        walks
    }
}

/// A way from a background sample to a sample.
struct Walk {
    /// The background sample.
    start: usize,
    /// The features in which both differ.
    order: Vec<usize>,
}

impl Walk {
    /// The features whose change does not end the walk: the outputs of its ends are known.
    fn between(&self) -> &[usize] {
        &self.order[..self.order.len().saturating_sub(1)]
    }
}

/// The outputs of the rows between the ends of all walks, in their order.
fn along<E>(
    walks: &[Walk],
    sample: &[f32],
    background: &[f32],
    outputs: impl Fn(&[f32]) -> Result<Vec<Vec<f64>>, E>,
) -> Result<Vec<Vec<f64>>, E> {
    let width = sample.len();
    let mut found = Vec::new();
    let mut rows: Vec<f32> = Vec::new();
    for walk in walks {
        let mut row = background[walk.start * width..][..width].to_vec();
        for &feature in walk.between() {
            row[feature] = sample[feature];
            rows.extend(&row);
            if rows.len() >= BATCH_CELLS {
                found.append(&mut outputs(&rows)?);
                rows.clear();
            }
        }
    }
    if !rows.is_empty() {
        found.append(&mut outputs(&rows)?);
    }
    Ok(found)
}

/// For each output, the mean contribution of each feature and its standard error, from the outputs along the walks.
fn estimate(
    walks: &[Walk],
    width: usize,
    value: &[f64],
    of_background: &[Vec<f64>],
    found: &[Vec<f64>],
) -> Vec<(Vec<f64>, Vec<f64>)> {
    let pairs = (walks.len() / 2).max(1) as f64;
    let of_output = |output: usize| {
        let mut sums = vec![0.0; width];
        let mut squares = vec![0.0; width];
        let mut rest = found;
        for pair in walks.chunks_exact(2) {
            let mut changes = vec![0.0; width];
            for walk in pair {
                let (between, after) = rest.split_at(walk.between().len());
                rest = after;
                let steps = between.iter().map(|values| values[output]).chain([value[output]]);
                let mut last = of_background[walk.start][output];
                for (&feature, now) in walk.order.iter().zip(steps) {
                    changes[feature] += 0.5 * (now - last);
                    last = now;
                }
            }
            for ((sum, square), change) in sums.iter_mut().zip(&mut squares).zip(changes) {
                *sum += change;
                *square += change * change;
            }
        }
        let means: Vec<f64> = sums.iter().map(|sum| sum / pairs).collect();
        let error = |(mean, square): (&f64, &f64)| {
            ((square / pairs - mean * mean).max(0.0) / (pairs - 1.0).max(1.0)).sqrt()
        };
        let errors = means.iter().zip(&squares).map(error).collect();
        (means, errors)
    };
    (0..value.len()).map(of_output).collect()
}

/// Some samples, row by row.
fn rows(features: &Features, which: std::ops::Range<usize>) -> Vec<f32> {
    which.flat_map(|row| features.columns().iter().map(move |column| column.value(row))).collect()
}
