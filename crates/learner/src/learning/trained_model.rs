//! A trained model and its predictions.
//!
//! Must not know how it was trained, nor its file format.

use ndarray::Array2;
use rayon::prelude::*;

use super::additive_model::AdditiveModel;
use super::logistic::probabilities;
use super::preprocessing::Input;
use crate::dataset::{Class, Features};

/// A classifier: which features it uses, how they are prepared, weights and trees.
///
/// Made by [`train`](super::train); [`crate::model::to_onnx`] writes it as a file.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    /// The names of all features, used or not, in the order that [`TrainedModel::probabilities`] expects.
    pub names: Vec<String>,
    /// The classes, in the order of the probabilities.
    pub classes: Vec<Class>,
    /// The decisions of the training, in sentences for an administrator: features used, learners tried, their log-loss.
    pub decisions: Vec<String>,
    /// The mean cross-validated log-loss of the ensemble (natural logarithm); `None` when there were too few samples
    /// for a cross-validation.
    pub log_loss: Option<f64>,
    /// The number of training samples of each class.
    pub class_counts: Vec<usize>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) additive: AdditiveModel,
}

/// Samples are predicted in chunks of about this many cells (samples × derived columns), so that memory stays bounded.
const CHUNK_CELLS: usize = 1_000_000;

impl TrainedModel {
    /// The probability of each class for each of `rows`: rows × classes, in the order of [`TrainedModel::classes`].
    ///
    /// `features` must have the columns of [`TrainedModel::names`], in this order (see [`Features::aligned_to`]).
    ///
    /// ```
    /// use learner::dataset::{Class, Features, Labelled};
    /// use learner::learning::train;
    ///
    /// let features = Features::of_columns(vec!["clicks".to_owned()], &[vec![-1.0, -0.5, 0.5, 1.0]]);
    /// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
    /// let model = train(&Labelled::new(features, vec![1, 1, 0, 0], classes))?;
    ///
    /// let fresh = Features::of_columns(vec!["clicks".to_owned()], &[vec![0.75, -0.75]]);
    /// let probabilities = model.probabilities(&fresh, &[0, 1]);
    /// assert_eq!(probabilities.dim(), (2, 2));
    /// assert!(probabilities[[0, 0]] > probabilities[[1, 0]]);
    /// assert!((probabilities.row(0).sum() - 1.0).abs() < 1e-12);
    /// # Ok::<(), learner::learning::LearningError>(())
    /// ```
    ///
    /// # Panics
    /// When a row is not a row of `features`, or `features` has too few columns.
    #[must_use]
    pub fn probabilities(&self, features: &Features, rows: &[u32]) -> Array2<f64> {
        let chunk = (CHUNK_CELLS / (self.additive.basis.width() + self.inputs.len() + 1)).clamp(16, 4_096);
        let min = self.min_probability();
        let mut out = Array2::zeros((rows.len(), self.classes.len()));
        let chunks: Vec<Array2<f64>> =
            rows.par_chunks(chunk).map(|rows| self.additive.margins(&self.inputs, features, rows)).collect();
        for (mut out, margins) in out.outer_iter_mut().zip(chunks.iter().flat_map(Array2::outer_iter)) {
            let out = out.as_slice_mut().expect("rows of a row-major matrix are contiguous");
            probabilities(margins, out);
            out.iter_mut().for_each(|probability| *probability = probability.max(min));
            let sum: f64 = out.iter().sum();
            out.iter_mut().for_each(|probability| *probability /= sum);
        }
        out
    }

    /// The lower bound of probabilities before they are divided by their sum, which leaves at least 1/(n + 2) for an
    /// impossible class, beside a certain one. An event that none of n samples shows has about this probability (Laplace's
    /// rule of succession).
    pub(crate) fn min_probability(&self) -> f64 {
        let samples: usize = self.class_counts.iter().sum();
        1.0 / (samples + 3).saturating_sub(self.classes.len()).max(3) as f64
    }
}
