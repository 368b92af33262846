//! Checks the output of an imported model on synthetic samples, before it is used.
//!
//! Owns the samples and the definition of probabilities. Must not know where the model comes from.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{ModelError, refused};
use super::plans::BATCH;
use super::runner::Model;

/// The tolerance for rounding: of the sum of probabilities, and between two runs of one sample.
const ROUNDING: f32 = 1e-3;

/// One in this many samples has missing values.
const MISSING_EVERY: usize = 5;

/// Runs a model on synthetic samples: its output must be probabilities, and must not depend on the other samples of a
/// batch.
///
/// # Errors
/// [`ModelError`] with the problem of its output.
pub(super) fn check_output(model: &Model) -> Result<(), ModelError> {
    catch_unwind(AssertUnwindSafe(|| check_probabilities(model))).unwrap_or(Err(ModelError::Panic))
}

fn check_probabilities(model: &Model) -> Result<(), ModelError> {
    let classes = model.metadata().classes.len();
    let mut samples = synthetic_samples_with_gaps(model.metadata().features.len());
    let together = model.run_columns(&samples)?;
    if !are_probabilities(&together, classes) {
        return refused("its outputs are not probabilities that sum to 1");
    }
    for column in &mut samples {
        column.drain(..BATCH / 2);
        column.reverse();
    }
    let others = model.run_columns(&samples)?;
    let alone: Vec<Vec<f32>> = samples.iter().map(|column| column[..1].to_vec()).collect();
    let alone = model.run_columns(&alone)?;
    let mut last_to_first = together.chunks_exact(classes).rev();
    let same = last_to_first.clone().zip(others.chunks_exact(classes)).all(are_close)
        && last_to_first.next().is_some_and(|last| are_close((last, &alone)));
    if same { Ok(()) } else { refused("its output for one sample depends on other samples") }
}

/// Whether two outputs for one sample differ only by rounding.
fn are_close((one, other): (&[f32], &[f32])) -> bool {
    one.iter().zip(other).all(|(one, other)| (one - other).abs() < ROUNDING)
}

/// Whether each row is within 0 and 1 and sums to 1.
pub(super) fn are_probabilities(output: &[f32], classes: usize) -> bool {
    are_within_0_and_1(output)
        && output.chunks_exact(classes).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < ROUNDING)
}

/// Whether all values are within 0 and 1.
pub(super) fn are_within_0_and_1(output: &[f32]) -> bool {
    output.iter().all(|value| (-ROUNDING..=1.0 + ROUNDING).contains(value))
}

/// Synthetic samples, some of which have missing values.
#[must_use]
pub fn synthetic_samples_with_gaps(width: usize) -> Vec<Vec<f32>> {
    let mut samples = synthetic_samples(width);
    for (at, column) in samples.iter_mut().enumerate() {
        column.iter_mut().skip(at % 3).step_by(MISSING_EVERY).for_each(|value| *value = f32::NAN);
    }
    samples
}

/// Whether this one of the synthetic samples has values beyond the range of Moodle's indicators.
pub(super) fn is_beyond_indicators(row: usize) -> bool {
    row % 4 == 3
}

/// The columns of one batch of samples over the range of Moodle's indicators, and a little beyond; the same on every
/// call.
pub(super) fn synthetic_samples(width: usize) -> Vec<Vec<f32>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut value = |row: usize| {
        // A linear congruential generator (Knuth, MMIX): any scattered values will do.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 40) as f32 / (1_u64 << 24) as f32;
        if is_beyond_indicators(row) {
            uniform * 20.0 - 10.0
        } else {
            (uniform * 200.0).round() / 100.0 - 1.0
        }
    };
    (0..width).map(|_| (0..BATCH).map(&mut value).collect()).collect()
}
