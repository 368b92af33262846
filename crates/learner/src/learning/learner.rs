//! The interface of candidate learners.
//!
//! Owns the two traits of a candidate learner, the samples that it trains on, and the folds that it is validated on.
//! Must not know any learner: [`super::search_space`] lists them. A new one is a file that implements [`Learner`] and
//! [`Hyperparameters`], and a line of that list.

use std::fmt::Debug;

use ndarray::{Array2, Axis};

use super::additive_model::AdditiveModel;
use super::folds::Split;
use super::logistic::mean_log_loss;
use super::preprocessing::Input;
use super::time_limit::TimeLimit;
use crate::dataset::Labelled;

/// With fewer samples, models with a lower variance predict better.
pub(super) const FEW_SAMPLES: usize = 500;

/// A family of models that chooses its hyperparameters by cross-validation.
pub(super) trait Learner: Sync {
    /// The number of times that [`Self::cross_validate`] calls [`TimeLimit::part_done`].
    fn parts(&self, folds: &CrossValidation<'_>) -> usize;

    /// The candidates for the ensemble, with their out-of-fold margins; empty when the family does not suit these samples.
    fn cross_validate(&self, folds: &CrossValidation<'_>) -> Vec<Candidate>;
}

/// A learner with its hyperparameters.
pub(super) trait Hyperparameters: Debug + Send + Sync {
    /// Fits a model on all samples; `additive_model` says what it must keep to.
    fn fit(&self, training: &TrainingSet<'_>) -> AdditiveModel;

    /// The learner and its hyperparameters in a phrase for an administrator.
    fn describe(&self) -> String;
}

/// The samples to train on.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrainingSet<'a> {
    pub samples: &'a Labelled,
    /// The rows of `samples` to train on.
    pub rows: &'a [u32],
    /// The features that vary among the rows.
    pub inputs: &'a [Input],
    pub seed: u64,
    /// When to stop early.
    pub limit: &'a TimeLimit<'a>,
}

impl TrainingSet<'_> {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.samples.classes().len()
    }

    /// The class of each row, as an index into the classes.
    pub fn targets(&self) -> Vec<usize> {
        self.rows.iter().map(|&row| self.samples.targets()[row as usize] as usize).collect()
    }
}

/// The folds on which every learner is validated. Samples are numbered by their position in the rows of the training
/// set.
#[derive(Debug)]
pub(super) struct CrossValidation<'a> {
    pub training: TrainingSet<'a>,
    pub folds: Vec<Split>,
    /// The class of each sample.
    pub targets: Vec<u32>,
    /// The number of samples without copies.
    pub size: usize,
}

impl CrossValidation<'_> {
    /// The class of one sample.
    pub fn target(&self, sample: u32) -> usize {
        self.targets[sample as usize] as usize
    }

    /// The classes of the validation samples, fold by fold: the order of a candidate's margins.
    pub fn validation_targets(&self) -> Vec<usize> {
        self.folds.iter().flat_map(|fold| &fold.validation).map(|&sample| self.target(sample)).collect()
    }

    /// A candidate of its margins in each fold (validation samples × margins).
    pub fn candidate(
        &self,
        hyperparameters: impl Hyperparameters + 'static,
        margins: &[Array2<f64>],
    ) -> Candidate {
        let views: Vec<_> = margins.iter().map(Array2::view).collect();
        let margins = ndarray::concatenate(Axis(0), &views).expect("folds have equally many margins");
        let log_loss = mean_log_loss(&margins, &self.validation_targets());
        Candidate { hyperparameters: Box::new(hyperparameters), margins, log_loss }
    }
}

/// A learner and its out-of-fold margins. (Penalties and rounds are chosen on the same validation samples, so every
/// candidate looks a little better than it is.)
#[derive(Debug)]
pub(super) struct Candidate {
    pub hyperparameters: Box<dyn Hyperparameters>,
    /// Validation samples × margins.
    pub margins: Array2<f64>,
    /// Mean log-loss of the validation samples.
    pub log_loss: f64,
}
