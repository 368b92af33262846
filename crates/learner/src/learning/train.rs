//! From samples to a model: cross-validates the candidate learners, selects an ensemble of them, fits its members on
//! all samples and adds them up to one linear model and forests. Must not know single learners.

use ndarray::Array1;
use rayon::prelude::*;

use super::LearningError;
use super::additive_model::{AdditiveModel, margin_count};
use super::cross_validation::compare;
use super::decisions::explain;
use super::ensemble::Ensemble;
use super::learner::{Hyperparameters, TrainingSet};
use super::preprocessing::{Input, choose_inputs};
use super::search_space::{FOR_FEW_SAMPLES, LEARNERS};
use super::time_limit::{TimeLimit, TrainingPhase, TrainingTime};
use super::trained_model::TrainedModel;
use crate::dataset::Labelled;

/// All randomness of a training comes from this seed: the same samples give the same model.
const SEED: u64 = 0x6d6f_6f64_6c65;

/// Below this many samples cross-validation is not informative, and a fixed penalty gives better models.
const MIN_TO_COMPARE: usize = 50;

/// At least two classes need this many samples for a cross-validation: one sample cannot be in both parts of a fold.
const MIN_OF_A_CLASS: usize = 2;

/// The sentence of a model whose training had no time for more.
const ENDED_EARLY: &str =
    "The time limit ended the training early: with more time the model might be better.";

/// A learner with its hyperparameters, and its cross-validated log-loss; `None` when nothing was compared.
pub(super) type Compared = (Box<dyn Hyperparameters>, Option<f64>);

/// Trains a model on all samples.
///
/// The candidate learners (logistic regression on several sets of derived columns, boosted trees) are compared by
/// cross-validation; the model is an ensemble of the best ones. The same samples in the same order give the same model,
/// on any number of cores. [`Labelled::canonical`] makes it independent of the order, too.
///
/// ```
/// use learner::dataset::{Limits, read_labelled};
/// use learner::learning::train;
///
/// let file = "nfeatures,targetclasses\n1,\"[0,1]\"\nclicks,dropout\n-1,1\n-0.5,1\n0.5,0\n1,0\n";
/// let samples = read_labelled(file.as_bytes(), &Limits::default())?.into_samples()?;
/// let model = train(&samples)?;
/// let probabilities = model.probabilities(samples.features(), &[0, 3]);
/// assert!(probabilities[[0, 1]] > 0.5 && probabilities[[1, 1]] < 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`LearningError::ClassWithoutSample`] when a class has no sample.
pub fn train(samples: &Labelled) -> Result<TrainedModel, LearningError> {
    train_within(samples, &())
}

/// As [`train`], but within a limited time: after half of it no further candidate is tried, and at its end the trees so far
/// are the model, whose [`TrainedModel::decisions`] say so. What has begun is finished, so a training takes a little longer.
///
/// # Errors
/// As [`train`].
pub fn train_within(samples: &Labelled, time: &dyn TrainingTime) -> Result<TrainedModel, LearningError> {
    if let Some(at) = samples.class_counts().iter().position(|&count| count == 0) {
        return Err(LearningError::ClassWithoutSample(samples.classes()[at]));
    }
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    Ok(train_on(samples, &rows, time))
}

/// Trains on some of the samples; a class without one gets a small probability everywhere.
pub(super) fn train_on(samples: &Labelled, rows: &[u32], time: &dyn TrainingTime) -> TrainedModel {
    train_with_recipe(samples, rows, time).0
}

/// What a comparison chose: candidates with their weights. It can be fitted on other samples.
pub(super) struct Recipe {
    candidates: Vec<Compared>,
    ensemble: Ensemble,
}

impl Recipe {
    /// A model of `rows` without a comparison; `None` when no feature varies among them.
    pub fn fit(&self, samples: &Labelled, rows: &[u32]) -> Option<TrainedModel> {
        let inputs = inputs_of(samples, rows);
        if inputs.is_empty() {
            return None;
        }
        let limit = TimeLimit::of_fit(&());
        let training = TrainingSet { samples, rows, inputs: &inputs, seed: SEED, limit: &limit };
        let additive = fit(&training, &self.candidates, &self.ensemble);
        Some(TrainedModel {
            names: samples.features().names().to_vec(),
            classes: samples.classes().to_vec(),
            additive,
            decisions: Vec::new(),
            log_loss: None,
            class_counts: class_counts_of(samples, rows),
            inputs,
        })
    }
}

fn class_counts_of(samples: &Labelled, rows: &[u32]) -> Vec<usize> {
    let mut class_counts = vec![0; samples.classes().len()];
    rows.iter().for_each(|&row| class_counts[samples.targets()[row as usize] as usize] += 1);
    class_counts
}

fn inputs_of(samples: &Labelled, rows: &[u32]) -> Vec<Input> {
    let mut inputs = choose_inputs(samples.features(), rows);
    if rows.len() < MIN_TO_COMPARE {
        // Few samples do not show how a line goes on beyond them.
        inputs.iter_mut().for_each(Input::clip_to_levels);
    }
    inputs
}

/// As [`train_on`], with the recipe of the model.
pub(super) fn train_with_recipe(
    samples: &Labelled,
    rows: &[u32],
    time: &dyn TrainingTime,
) -> (TrainedModel, Recipe) {
    time.begins(TrainingPhase::Select);
    let class_counts = class_counts_of(samples, rows);
    let comparable = class_counts.iter().filter(|&&count| count >= MIN_OF_A_CLASS).count();

    let inputs = inputs_of(samples, rows);
    let (of_comparison, of_fit) = (TimeLimit::of_comparison(time), TimeLimit::of_fit(time));
    let training = TrainingSet { samples, rows, inputs: &inputs, seed: SEED, limit: &of_fit };
    let too_few = rows.len() < MIN_TO_COMPARE || comparable < 2;
    let (candidates, ensemble): (Vec<Compared>, _) = if inputs.is_empty() || too_few {
        let candidates = FOR_FEW_SAMPLES.map(|params| -> Compared { (Box::new(params), None) });
        (candidates.into(), Ensemble::of_equal_weights(FOR_FEW_SAMPLES.len()))
    } else {
        let comparison = compare(TrainingSet { limit: &of_comparison, ..training }, LEARNERS);
        let ensemble = Ensemble::select(&comparison);
        let candidates = comparison.candidates.into_iter();
        (candidates.map(|one| (one.hyperparameters, Some(one.log_loss))).collect(), ensemble)
    };
    time.begins(TrainingPhase::Fit);
    let model = fit(&training, &candidates, &ensemble);
    let mut decisions = explain(&training, &candidates, &ensemble, &class_counts, &model);
    if of_comparison.has_ended_something() || of_fit.has_ended_something() {
        decisions.push(ENDED_EARLY.to_owned());
    }
    let model = TrainedModel {
        names: samples.features().names().to_vec(),
        classes: samples.classes().to_vec(),
        additive: model,
        decisions,
        log_loss: (!ensemble.log_loss.is_nan()).then_some(ensemble.log_loss),
        class_counts,
        inputs,
    };
    (model, Recipe { candidates, ensemble })
}

/// Fits the candidates that have a weight in the ensemble, in parallel, and adds them up.
fn fit(training: &TrainingSet<'_>, candidates: &[Compared], ensemble: &Ensemble) -> AdditiveModel {
    let members: Vec<(&Compared, f64)> =
        candidates.iter().zip(ensemble.weights.iter().copied()).filter(|(_, weight)| *weight > 0.0).collect();
    training.limit.has_parts(members.len());
    let fit = |hyperparameters: &dyn Hyperparameters| {
        let fitted = hyperparameters.fit(training);
        training.limit.part_done();
        fitted
    };
    let fitted: Vec<AdditiveModel> =
        members.par_iter().map(|((hyperparameters, _), _)| fit(hyperparameters.as_ref())).collect();
    let margins = margin_count(training.classes());
    let mut sum = AdditiveModel::constant(Array1::from_elem(margins, ensemble.offset));
    for (member, (_, weight)) in fitted.into_iter().zip(members) {
        sum.add(member, weight * ensemble.slope);
    }
    sum
}
