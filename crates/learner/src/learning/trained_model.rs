//! What has been learnt, and how it answers.

use ndarray::Array2;
use rayon::prelude::*;

use super::basis::Expansion;
use super::logistic::{Linear, probabilities};
use super::preprocessing::Input;
use super::trees::Forest;
use crate::dataset::{Class, Features};

/// Everything needed to answer: which features, how they are prepared, the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    pub(crate) names: Vec<String>,
    pub(crate) classes: Vec<Class>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) expansion: Expansion,
    pub(crate) linear: Linear,
    pub(crate) forests: Vec<Forest>,
    pub(crate) decisions: Vec<String>,
    pub(crate) log_loss: Option<f64>,
    pub(crate) class_counts: Vec<usize>,
}

/// Samples are answered in chunks of about this many cells (samples × derived columns), so that memory
/// stays bounded.
const CHUNK_CELLS: usize = 1_000_000;

impl TrainedModel {
    /// The names of all features, used or not, in the order they are given in.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The classes, in the order of the probabilities.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// What the learner decided, in sentences for an administrator.
    #[must_use]
    pub fn decisions(&self) -> &[String] {
        &self.decisions
    }

    /// Mean log-loss on held-out samples; `None` when there were too few to hold out any.
    #[must_use]
    pub fn log_loss(&self) -> Option<f64> {
        self.log_loss
    }

    /// How many samples of each class it has learnt from.
    #[must_use]
    pub fn class_counts(&self) -> &[usize] {
        &self.class_counts
    }

    /// The probability of each class for each of `rows`: rows × classes.
    #[must_use]
    pub fn probabilities(&self, features: &Features, rows: &[u32]) -> Array2<f64> {
        let chunk = (CHUNK_CELLS / (self.expansion.width() + self.inputs.len() + 1)).clamp(16, 4_096);
        let mut out = Array2::zeros((rows.len(), self.classes.len()));
        let chunks: Vec<Array2<f64>> =
            rows.par_chunks(chunk).map(|rows| self.margins(features, rows)).collect();
        let margins = chunks.iter().flat_map(Array2::outer_iter);
        for (mut out, margins) in out.outer_iter_mut().zip(margins) {
            let out = out.as_slice_mut().expect("rows of a row-major matrix are contiguous");
            probabilities(margins, out);
        }
        out
    }

    fn margins(&self, features: &Features, rows: &[u32]) -> Array2<f64> {
        let design = self.expansion.design(&self.inputs, features, rows);
        let mut margins = design.dot(&self.linear.weights) + &self.linear.bias;
        for forest in &self.forests {
            forest.add_margins(&self.inputs, features, rows, &mut margins);
        }
        margins
    }
}
