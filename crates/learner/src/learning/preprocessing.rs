//! Preprocessing of raw features: missing cells filled with the mean, standardised, clipped.
//!
//! All constants are `f32` and are applied in `f32`, in the same order as in the ONNX model, so that a model predicts as
//! it was trained. Must not know targets.

use std::collections::HashMap;

use crate::dataset::{Column, Features};

/// Standardised values are clipped to ± this many standard deviations.
pub(crate) const CLIP: f32 = 8.0;

/// One feature that is used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Its index among the features.
    pub feature: usize,
    /// The mean of the training samples; replaces a missing value.
    pub mean: f32,
    /// One over the standard deviation.
    pub inverse_scale: f32,
    /// Standardised values are clipped to this range.
    pub range: (f32, f32),
    /// Its distinct standardised values among the training samples, ascending, with their counts.
    pub levels: Vec<(f32, u32)>,
    /// The share of training samples in which it is missing.
    pub missing: f64,
}

impl Input {
    /// Standardises one value: a missing one becomes the mean.
    #[inline]
    pub(crate) fn standardised(&self, value: f32) -> f32 {
        if value.is_nan() {
            0.0
        } else {
            ((value - self.mean) * self.inverse_scale).clamp(self.range.0, self.range.1)
        }
    }

    /// Clips to the range of the training samples.
    pub(crate) fn clip_to_levels(&mut self) {
        if let (Some(first), Some(last)) = (self.levels.first(), self.levels.last()) {
            self.range = (first.0, last.0);
        }
    }
}

/// The standardised values of some samples, row by row; NaN where one is missing.
pub(crate) fn standardised_rows(inputs: &[Input], features: &Features, rows: &[u32]) -> Vec<f32> {
    let width = inputs.len();
    let mut values = vec![0.0_f32; rows.len() * width];
    for (at, input) in inputs.iter().enumerate() {
        let column = &features.columns()[input.feature];
        let standardised = |&value: &f32| if value.is_nan() { value } else { input.standardised(value) };
        let table: Vec<f32> = column.values().iter().map(standardised).collect();
        column.for_each_code(rows, |row, code| values[row * width + at] = table[code]);
    }
    values
}

/// The features that vary among `rows` and are not a copy of another.
pub(crate) fn choose_inputs(features: &Features, rows: &[u32]) -> Vec<Input> {
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut inputs = Vec::new();
    for (feature, column) in features.columns().iter().enumerate() {
        if column.is_constant() {
            continue;
        }
        let Some(input) = input_of(feature, column, rows) else { continue };
        // Columns with the same hash may be copies; a comparison decides.
        let same_hash = seen.entry(fingerprint(column, rows)).or_default();
        if same_hash.iter().any(|&other| same(&features.columns()[other], column, rows)) {
            continue;
        }
        same_hash.push(feature);
        inputs.push(input);
    }
    inputs
}

/// Statistics of a column over `rows`; `None` when it does not vary there.
fn input_of(feature: usize, column: &Column, rows: &[u32]) -> Option<Input> {
    let counted = column.values().iter().copied().zip(column.value_counts(rows));
    let (missing, mut raw): (Vec<_>, Vec<_>) =
        counted.filter(|&(_, count)| count > 0).partition(|(value, _)| value.is_nan());
    let missing: u32 = missing.iter().map(|&(_, count)| count).sum();
    raw.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let present: f64 = raw.iter().map(|&(_, n)| f64::from(n)).sum();
    if raw.len() < 2 && (missing == 0 || raw.is_empty()) {
        return None;
    }

    let mean = raw.iter().map(|&(v, n)| f64::from(v) * f64::from(n)).sum::<f64>() / present;
    let variance =
        raw.iter().map(|&(v, n)| (f64::from(v) - mean).powi(2) * f64::from(n)).sum::<f64>() / present;
    // A single value beside missing cells has a standard deviation of zero; only its missing flag is informative. The
    // scale is the smallest positive number instead of zero: the difference of a later value may overflow to infinity,
    // and infinity times zero is NaN.
    let inverse_scale = if raw.len() < 2 { f32::MIN_POSITIVE } else { (1.0 / variance.sqrt()) as f32 };
    if !inverse_scale.is_finite() {
        return None;
    }
    let missing = f64::from(missing) / rows.len() as f64;
    let mut input = Input {
        feature,
        mean: mean as f32,
        inverse_scale,
        range: (-CLIP, CLIP),
        levels: Vec::new(),
        missing,
    };
    let mut levels: Vec<(f32, u32)> = raw.iter().map(|&(v, n)| (input.standardised(v), n)).collect();
    levels.dedup_by(|next, kept| {
        let equal = next.0.to_bits() == kept.0.to_bits();
        kept.1 += if equal { next.1 } else { 0 };
        equal
    });
    input.levels = levels;
    Some(input)
}

/// A hash of the values of `rows` in their order: `FxHash`, of Firefox and the Rust compiler.
fn fingerprint(column: &Column, rows: &[u32]) -> u64 {
    let mut hash = 0_u64;
    let bits: Vec<u64> = column.values().iter().map(|value| u64::from(value.to_bits())).collect();
    column.for_each_code(rows, |_, code| {
        hash = (hash.rotate_left(5) ^ bits[code]).wrapping_mul(0x517c_c1b7_2722_0a95);
    });
    hash
}

fn same(a: &Column, b: &Column, rows: &[u32]) -> bool {
    rows.iter().all(|&row| a.value(row as usize).to_bits() == b.value(row as usize).to_bits())
}
