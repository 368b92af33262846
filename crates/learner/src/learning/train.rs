//! From samples to a model: compares recipes on samples that they were not
//! shown, learns the ones worth mixing from all samples, and folds the mix into
//! one linear model and forests.

use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::LearningError;
use super::basis::{Expansion, Plan};
use super::cross_validation::{Candidate, compare};
use super::decisions::explain;
use super::ensemble::{Mix, mix};
use super::folds::thinned;
use super::logistic::{Effort, Linear, Problem, margins_of};
use super::preprocessing::{Input, choose_inputs};
use super::search_space::{FOR_FEW_SAMPLES, Recipe};
use super::trained_model::TrainedModel;
use super::trees::{Binned, Forest, Growth, Roles, boost};
use crate::dataset::Labelled;

/// All randomness of a training comes from this seed: the same samples give the same model.
const SEED: u64 = 0x6d6f_6f64_6c65;

/// At most this many cells (samples × derived columns) for one linear fit; beyond it a linear model
/// learns from an even choice of the samples, and trees learn from all.
const MAX_CELLS: usize = 4_000_000;

/// Cross-validation says little below this many samples; a fixed penalty does better.
const MIN_TO_COMPARE: usize = 50;

/// And nothing unless two classes have so many: one sample cannot be shown and held out.
const MIN_OF_A_CLASS: usize = 2;

/// Learns from all samples.
///
/// # Errors
/// [`LearningError::ClassWithoutSample`] when a class has none.
pub fn train(samples: &Labelled) -> Result<TrainedModel, LearningError> {
    if let Some(at) = samples.class_counts().iter().position(|&count| count == 0) {
        return Err(LearningError::ClassWithoutSample(samples.classes()[at]));
    }
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    Ok(train_on(samples, &rows))
}

/// Learns from some of the samples; a class without one gets a small probability everywhere.
pub(crate) fn train_on(samples: &Labelled, rows: &[u32]) -> TrainedModel {
    let mut class_counts = vec![0; samples.classes().len()];
    rows.iter().for_each(|&row| class_counts[samples.targets()[row as usize] as usize] += 1);
    let comparable = class_counts.iter().filter(|&&count| count >= MIN_OF_A_CLASS).count();

    let inputs = choose_inputs(samples.features(), rows);
    let learner = Learner { samples, rows, inputs: &inputs };
    let too_few = rows.len() < MIN_TO_COMPARE || comparable < 2;
    let (candidates, mix) = if inputs.is_empty() || too_few {
        (FOR_FEW_SAMPLES.map(|recipe| (recipe, None)).to_vec(), Mix::of_equal_parts(FOR_FEW_SAMPLES.len()))
    } else {
        let comparison = compare(samples, rows, &inputs, SEED);
        let mix = mix(&comparison);
        let said = |candidate: Candidate| (candidate.recipe, Some(candidate.log_loss));
        (comparison.candidates.into_iter().map(said).collect(), mix)
    };
    let recipes: Vec<&Recipe> = candidates.iter().map(|(recipe, _)| recipe).collect();
    let parts = learner.learn(&recipes, &mix);
    let decisions = explain(&learner, &candidates, &mix, &class_counts, &parts);
    TrainedModel {
        names: samples.features().names().to_vec(),
        classes: samples.classes().to_vec(),
        expansion: parts.expansion,
        linear: parts.linear,
        forests: parts.forests,
        decisions,
        log_loss: (!mix.log_loss.is_nan()).then_some(mix.log_loss),
        class_counts,
        inputs,
    }
}

/// What recipes learn from.
pub(crate) struct Learner<'a> {
    pub samples: &'a Labelled,
    pub rows: &'a [u32],
    pub inputs: &'a [Input],
}

/// One recipe, learnt from all samples.
enum Member {
    Linear(Expansion, Linear),
    /// Trees and the margins that they start from.
    Trees(Forest, Array1<f64>),
}

/// A mix, folded together: its margins are those of the linear model plus the forests'.
pub(crate) struct Parts {
    pub expansion: Expansion,
    pub linear: Linear,
    pub forests: Vec<Forest>,
}

impl Learner<'_> {
    /// Learns the recipes that have a weight in the mix, side by side, and folds them together.
    fn learn(&self, recipes: &[&Recipe], mix: &Mix) -> Parts {
        let weighted: Vec<(&Recipe, f64)> = recipes
            .iter()
            .copied()
            .zip(mix.weights.iter().copied())
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let learnt: Vec<Member> = weighted.par_iter().map(|(recipe, _)| self.member(recipe)).collect();

        let margins = margins_of(self.samples.classes().len());
        let mut expansion = Expansion::default();
        let mut weights = Array2::zeros((0, margins));
        let mut bias = Array1::from_elem(margins, mix.offset);
        let mut forests = Vec::new();
        for (member, (_, weight)) in learnt.into_iter().zip(weighted) {
            let share = weight * mix.slope;
            match member {
                Member::Linear(more, linear) => {
                    bias = bias + &linear.bias * share;
                    weights = expansion.absorb(more, &weights, &(linear.weights * share));
                }
                Member::Trees(trees, start) => {
                    bias = bias + &start * share;
                    forests.push(trees.scaled(share));
                }
            }
        }
        Parts { expansion, linear: Linear { weights, bias }, forests }
    }

    fn member(&self, recipe: &Recipe) -> Member {
        match recipe {
            Recipe::Linear { plan, alpha } => {
                let (expansion, linear) = self.linear(*plan, *alpha);
                Member::Linear(expansion, linear)
            }
            Recipe::Trees(growth) => {
                let (forest, start) = self.trees(growth);
                Member::Trees(forest, start)
            }
        }
    }

    fn linear(&self, plan: Plan, alpha: f64) -> (Expansion, Linear) {
        let classes = self.samples.classes().len();
        let expansion = Expansion::new(self.inputs, plan, self.rows.len(), SEED);
        let most = MAX_CELLS / expansion.width().max(1);
        let rows = thinned(self.rows, self.samples.targets(), classes, most, SEED);
        let design = expansion.design(self.inputs, self.samples.features(), &rows);
        let targets = rows.iter().map(|&row| self.samples.targets()[row as usize] as usize).collect();
        let problem = Problem::new(design, targets, classes);
        let linear = problem.unscaled(&problem.fit_from_above(alpha, Effort::FINAL));
        (expansion, linear)
    }

    fn trees(&self, growth: &Growth) -> (Forest, Array1<f64>) {
        let targets: Vec<usize> =
            self.rows.iter().map(|&row| self.samples.targets()[row as usize] as usize).collect();
        let binned = Binned::new(self.inputs, self.samples.features(), self.rows);
        let all: Vec<u32> = (0..self.rows.len() as u32).collect();
        let roles = Roles { learnt: &all, rated: &[] };
        let boosted = boost(&binned, &targets, self.samples.classes().len(), roles, growth);
        (boosted.forest, Array1::from(boosted.bias))
    }
}
