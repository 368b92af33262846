//! Cross-validates every candidate learner on the same folds, so that an ensemble of them can be selected.
//!
//! Owns the number of folds and of samples in them. Must not know any learner.

use rayon::prelude::*;

use super::folds::{Split, grouped_folds, rows_without_copies, thinned};
use super::learner::{Candidate, CrossValidation, FEW_SAMPLES, Learner, TrainingSet};

/// All candidates with their out-of-fold margins.
pub(super) struct Comparison {
    /// The class of each validation sample.
    pub targets: Vec<usize>,
    /// The number of times that each sample was in a validation part.
    pub repeats: usize,
    /// Lowest log-loss first; at least one.
    pub candidates: Vec<Candidate>,
}

/// From this many samples on, one fold is informative enough.
const MIN_FOR_ONE_FOLD: usize = 10_000;

/// At most this many validation samples, all folds together: beyond it the ranking of candidates hardly changes.
const MAX_VALIDATION: usize = 9_000;

/// The validation samples of a fold have at most this many cells (samples × derived columns),
const MAX_VALIDATION_CELLS: usize = 3_000_000;

/// but a fold has at least this many validation samples, if there are as many.
const MIN_VALIDATION: usize = 200;

/// Cross-validates `learners` on stratified folds. Samples with equal features are in the same fold.
pub(super) fn compare(training: TrainingSet<'_>, learners: &[&dyn Learner]) -> Comparison {
    let (rows, inputs, seed) = (training.rows, training.inputs, training.seed);
    let classes = training.classes();
    let targets: Vec<u32> = rows.iter().map(|&row| training.samples.targets()[row as usize]).collect();
    let hashes = training.samples.features().row_hashes(rows);
    // With few samples the result depends on the partition, so several are tried.
    let size = rows_without_copies(&hashes);
    // Copies cost time and memory in every fold, so their number counts here.
    let (k, repeats) = if rows.len() < FEW_SAMPLES { (5, 3) } else { (3, 1) };
    let partition = |repeat: u64| grouped_folds(&hashes, &targets, classes, k, seed.wrapping_add(repeat));
    let mut folds: Vec<Split> = (0..repeats).flat_map(partition).collect();
    if rows.len() >= MIN_FOR_ONE_FOLD {
        folds.truncate(1);
    }
    // An input becomes up to about five derived columns, with flags and hinges.
    let width = 5 * inputs.len() + 200;
    let max = (MAX_VALIDATION / folds.len()).min(MAX_VALIDATION_CELLS / width).max(MIN_VALIDATION);
    for fold in &mut folds {
        fold.validation = thinned(&fold.validation, &targets, classes, max, seed);
    }
    let folds = CrossValidation { training, folds, targets, size };
    training.limit.has_parts(learners.iter().map(|learner| learner.parts(&folds)).sum());
    let mut candidates: Vec<Candidate> =
        learners.par_iter().flat_map_iter(|learner| learner.cross_validate(&folds)).collect();
    candidates.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    Comparison { targets: folds.validation_targets(), repeats: repeats as usize, candidates }
}
