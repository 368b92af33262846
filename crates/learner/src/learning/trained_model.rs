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
        let chunks: Vec<Array2<f64>> =
            rows.par_chunks(chunk).map(|rows| self.additive.margins(&self.inputs, features, rows)).collect();
        self.probabilities_of(rows.len(), &chunks)
    }

    /// The probabilities of `rows` samples, whose margins are in `chunks` (samples × margins each): rows × classes.
    pub(super) fn probabilities_of(&self, rows: usize, chunks: &[Array2<f64>]) -> Array2<f64> {
        let min = self.min_probability();
        let mut out = Array2::zeros((rows, self.classes.len()));
        for (mut out, margins) in out.outer_iter_mut().zip(chunks.iter().flat_map(Array2::outer_iter)) {
            let out = out.as_slice_mut().expect("rows of a row-major matrix are contiguous");
            probabilities(margins, out);
            out.iter_mut().for_each(|probability| *probability = probability.max(min));
            let sum: f64 = out.iter().sum();
            out.iter_mut().for_each(|probability| *probability /= sum);
        }
        out
    }

    /// The lower bound of probabilities before they are divided by their sum, which leaves at least 1/(n + k) for an
    /// impossible one of k classes beside a certain one: the probability of what none of n samples shows (Laplace's rule of
    /// succession).
    pub(crate) fn min_probability(&self) -> f64 {
        let samples: usize = self.class_counts.iter().sum();
        1.0 / (samples + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Labelled;
    use crate::learning::train;

    /// A model of `samples` samples that one feature, from 0 to 1, separates.
    fn separated(samples: u16) -> TrainedModel {
        let column = (0..samples).map(|sample| f32::from(sample) / f32::from(samples - 1)).collect();
        let targets = (0..samples).map(|sample| u32::from(2 * sample >= samples)).collect();
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        let features = Features::of_columns(vec!["a".to_owned()], &[column]);
        train(&Labelled::new(features, targets, classes)).expect("both classes have samples")
    }

    /// The probability of class 1 for each value of the feature.
    fn probabilities(model: &TrainedModel, values: &[f32]) -> Vec<f64> {
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        let features = Features::of_columns(vec!["a".to_owned()], &[values.to_vec()]);
        model.probabilities(&features, &rows).column(1).to_vec()
    }

    #[test]
    fn a_probability_is_no_nearer_to_0_or_1_than_the_samples_can_tell() {
        let bound = 1.0 / 1_002.0;
        let found = probabilities(&separated(1_000), &[0.0, 1.0]);
        assert!(found[0] >= bound - 1e-12 && found[0] < 2.0 * bound, "{found:?}");
        assert!(found[1] <= 1.0 - bound + 1e-12 && found[1] > 1.0 - 2.0 * bound, "{found:?}");
    }

    #[test]
    fn few_samples_tell_nothing_about_values_beyond_them() {
        let found = probabilities(&separated(20), &[-100.0, 0.0, 1.0, 100.0]);
        assert!((found[0] - found[1]).abs() < 1e-9 && (found[2] - found[3]).abs() < 1e-9, "{found:?}");
        assert!(found[0] < 0.5 && found[3] > 0.5, "{found:?}");
    }
}
