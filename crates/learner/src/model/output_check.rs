//! Trying out a model that was brought, before anybody relies on it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Model, ModelError};

/// How far probabilities may be from summing to 1, and a sample's from themselves, for the sake of rounding.
pub(super) const ROUNDING: f32 = 1e-3;

/// Every so many samples one has missing values.
const SOME_MISSING: usize = 5;

/// Asks a model about made-up samples: its answers must be probabilities, the same ones in whatever company
/// a sample is.
///
/// # Errors
/// [`ModelError`] that says what is wrong with its answers.
pub(super) fn try_out(model: &Model) -> Result<(), ModelError> {
    let tried = catch_unwind(AssertUnwindSafe(|| answers(model)));
    tried.unwrap_or_else(|_| Err(ModelError::Run("it makes the model runner give up".to_owned())))
}

fn answers(model: &Model) -> Result<(), ModelError> {
    let classes = model.facts().classes.len();
    let mut samples = probes(model.facts().features.len());
    for (at, column) in samples.iter_mut().enumerate() {
        let missing = column.iter_mut().enumerate().filter(|(row, _)| row % SOME_MISSING == at % 3);
        missing.for_each(|(_, value)| *value = f32::NAN);
    }
    let together = model.answers_to(&samples)?;
    if !are_probabilities(&together, classes) {
        return Err(ModelError::Refused("its answers are not probabilities that sum to 1".to_owned()));
    }
    for column in &mut samples {
        column.drain(..Model::BATCH / 2);
        column.reverse();
    }
    let others = model.answers_to(&samples)?;
    let same = together
        .chunks_exact(classes)
        .rev()
        .zip(others.chunks_exact(classes))
        .all(|(one, other)| one.iter().zip(other).all(|(one, other)| (one - other).abs() < ROUNDING));
    if same {
        Ok(())
    } else {
        Err(ModelError::Refused("its answer for one sample depends on other samples".to_owned()))
    }
}

/// Whether each row of answers is within 0 and 1 and sums to 1.
pub(super) fn are_probabilities(answers: &[f32], classes: usize) -> bool {
    are_shares(answers)
        && answers.chunks_exact(classes).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < ROUNDING)
}

/// Whether all answers are within 0 and 1.
pub(super) fn are_shares(answers: &[f32]) -> bool {
    answers.iter().all(|value| (-ROUNDING..=1.0 + ROUNDING).contains(value))
}

/// Samples over the range of Moodle's indicators, and a little beyond: the same every time.
pub(super) fn probes(width: usize) -> Vec<Vec<f32>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // A linear congruential generator (Knuth, MMIX): any scatter will do.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    (0..width)
        .map(|_| {
            (0..Model::BATCH)
                .map(
                    |row| {
                        if row % 4 == 3 {
                            next() * 20.0 - 10.0
                        } else {
                            (next() * 200.0).round() / 100.0 - 1.0
                        }
                    },
                )
                .collect()
        })
        .collect()
}
