//! Explanations of predictions: how much each feature of a sample contributes to the log-odds or log-probabilities.
//!
//! Contributions are interventional Shapley values (Štrumbelj and Kononenko 2014; Lundberg and Lee 2017): the mean change
//! of the output when a feature's value of the sample replaces that of a background sample, over all orders of the
//! features and all background samples. Those of a margin are exact, because a margin is a sum of functions of few
//! features each: [`linear_part`] of one, [`random_part`] of up to three, [`tree_part`] of as many as a tree has splits.
//! [`outputs`] turns margins into log-odds or log-probabilities, [`sampling`] estimates the contributions to any other
//! model. Must not know where samples or models come from.

mod linear_part;
mod outputs;
mod random_part;
mod sampling;
mod shapley;
#[cfg(test)]
mod tests;
mod tree_part;

pub use outputs::{Contribution, OutputExplanation};
pub use sampling::Sampling;

use rayon::prelude::*;

use super::preprocessing::standardised_rows;
use super::trained_model::TrainedModel;
use crate::dataset::Features;
use linear_part::LinearPart;
use outputs::{Outputs, output_values};
use random_part::RandomPart;
use tree_part::{MAX_DEPTH, TreePart};

/// How contributions were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// From the structure of the model.
    Exact,
    /// From random orders of the features.
    Sampled {
        /// The number of orders for each sample; half of them are the reverse of the other half.
        orders: usize,
    },
}

/// The contributions to the outputs of some samples.
///
/// With two classes there is one output, the log-odds of the second class. With more there is one for each class, the
/// logarithm of its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// How they were computed.
    pub method: Method,
    /// The base value of each output, to which contributions are added.
    pub base: Vec<f64>,
    /// The outputs of each sample.
    pub samples: Vec<Vec<OutputExplanation>>,
}

/// Samples are explained in chunks of about this many numbers, so that memory stays bounded.
const CHUNK_CELLS: usize = 4_000_000;

/// Trees are tabulated in groups of this many, so that memory stays bounded.
const TREE_GROUP: usize = 128;

impl TrainedModel {
    /// Whether [`TrainedModel::explain`] can be used: always true of models that were trained here.
    pub(crate) fn is_explainable(&self) -> bool {
        let shallow = self.additive.forests.iter().all(|forest| forest.depth <= MAX_DEPTH);
        let mut features: Vec<usize> = self.inputs.iter().map(|input| input.feature).collect();
        features.sort_unstable();
        features.dedup();
        shallow
            && features.len() == self.inputs.len()
            && self.additive.basis.random.as_ref().is_none_or(random_part::is_explainable)
    }

    /// The contributions of the features to the predictions of `samples`, compared with `background`; the `top` largest
    /// of each output one by one. They do not depend on the number of threads.
    ///
    /// Both tables must have the columns of [`TrainedModel::names`], in this order. Without a background, contributions
    /// are zero.
    ///
    /// ```
    /// use learner::dataset::{Class, Features, Labelled};
    /// use learner::learning::train;
    ///
    /// let column: Vec<f32> = (0..40).map(|row| (row % 4) as f32).collect();
    /// let features = Features::of_columns(vec!["clicks".to_owned()], &[column]);
    /// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
    /// let targets = (0..40).map(|row| u32::from(row % 4 < 2 || row == 38)).collect();
    /// let model = train(&Labelled::new(features.clone(), targets, classes))?;
    ///
    /// let found = model.explain(&features, &features, 10);
    /// let output = &found.samples[0][0];
    /// let sum: f64 = output.contributions.iter().map(|one| one.contribution).sum();
    /// assert!((found.base[0] + sum - output.value).abs() < 1e-9);
    /// assert!(output.contributions[0].contribution > 0.0, "few clicks raise the log-odds of class 1");
    /// # Ok::<(), learner::learning::LearningError>(())
    /// ```
    ///
    /// # Panics
    /// When a table has too few columns.
    #[must_use]
    pub fn explain(&self, samples: &Features, background: &Features, top: usize) -> Contributions {
        let explainer = Explainer::new(self, background);
        let width = self.inputs.len() * explainer.margins();
        let cells = width.max(self.additive.basis.width() + self.inputs.len()) + TREE_GROUP + 1;
        let rows: Vec<u32> = (0..samples.rows() as u32).collect();
        let chunks = rows.chunks((CHUNK_CELLS / cells).clamp(1, 4_096));
        let samples = chunks.flat_map(|rows| explainer.explain(samples, rows, top)).collect();
        Contributions { method: Method::Exact, base: explainer.outputs.base.clone(), samples }
    }
}

/// The parts of a model with what they need of the background.
struct Explainer<'a> {
    model: &'a TrainedModel,
    linear: LinearPart<'a>,
    random: Option<RandomPart<'a>>,
    /// The standardised values of the background, row by row.
    background: Vec<f32>,
    outputs: Outputs,
}

impl<'a> Explainer<'a> {
    fn new(model: &'a TrainedModel, background: &Features) -> Self {
        let rows: Vec<u32> = (0..background.rows() as u32).collect();
        let values = standardised_rows(&model.inputs, background, &rows);
        let additive = &model.additive;
        let margins = additive.margins(&model.inputs, background, &rows);
        let mean = margins.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| additive.linear.bias.clone());
        Self {
            model,
            linear: LinearPart::new(additive, model.inputs.len(), &values),
            random: additive.basis.random.as_ref().map(|random| {
                RandomPart::new(random, additive.basis.terms.len(), &additive.linear.weights, &values)
            }),
            background: values,
            outputs: Outputs::new(mean.to_vec(), model.classes.len(), model.min_probability()),
        }
    }

    fn margins(&self) -> usize {
        self.model.additive.linear.bias.len()
    }

    fn explain(&self, samples: &Features, rows: &[u32], top: usize) -> Vec<Vec<OutputExplanation>> {
        let inputs = self.model.inputs.len();
        let found = self.to_margins(&standardised_rows(&self.model.inputs, samples, rows), rows.len());
        let margins = self.model.additive.margins(&self.model.inputs, samples, rows);
        let width = inputs * self.margins();
        let row = |at: usize| {
            let margins: Vec<f64> = margins.row(at).to_vec();
            let values = output_values(&margins, self.model.classes.len(), self.model.min_probability());
            let contributions = self.outputs.of_margins(&found[at * width..(at + 1) * width], &margins);
            let feature = |input: usize| {
                let feature = self.model.inputs[input].feature;
                (feature, samples.columns()[feature].value(rows[at] as usize))
            };
            values
                .into_iter()
                .zip(contributions)
                .zip(&self.outputs.base)
                .map(|((value, contributions), &base)| {
                    OutputExplanation::new(value, base, &contributions, None, top, feature)
                })
                .collect()
        };
        (0..rows.len()).into_par_iter().map(row).collect()
    }

    /// The contributions to the margins, rows × inputs × margins.
    fn to_margins(&self, values: &[f32], rows: usize) -> Vec<f64> {
        let (inputs, margins) = (self.model.inputs.len(), self.margins());
        let mut found = vec![0.0; rows * inputs * margins];
        if inputs == 0 {
            return found;
        }
        let samples = || values.par_chunks_exact(inputs);
        found.par_chunks_exact_mut(inputs * margins).zip(samples()).for_each(|(out, row)| {
            self.linear.add(row, out);
            if let Some(random) = &self.random {
                random.add(row, out);
            }
        });
        for group in self.model.additive.forests.iter().flat_map(|forest| forest.trees.chunks(TREE_GROUP)) {
            let part = TreePart::new(group, &self.background, values, inputs);
            found
                .par_chunks_exact_mut(inputs * margins)
                .enumerate()
                .for_each(|(row, out)| part.add(row, margins, out));
        }
        found
    }
}
