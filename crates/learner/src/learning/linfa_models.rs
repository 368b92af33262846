//! The whole learner as a linfa model: `fit` a dataset, `predict` classes.
//!
//! Must not know how a model is trained.

use linfa::dataset::AsSingleTargets;
use linfa::traits::{Fit, PredictInplace};
use linfa::{DatasetBase, ParamGuard};
use ndarray::{Array1, ArrayBase, ArrayView2, Data, Ix2};

use super::metrics::most_probable;
use super::{LearningError, TrainedModel, train};
use crate::dataset::{Class, Features, Labelled};

/// The parameters of [`train`] as those of a linfa model, not yet checked.
///
/// ```
/// use learner::learning::LearnerParams;
/// use linfa::DatasetBase;
/// use linfa::traits::{Fit, Predict};
/// use ndarray::array;
///
/// let clicks = array![[-1.0_f32], [-0.5], [0.5], [1.0]];
/// let dataset = DatasetBase::new(clicks, array![1_usize, 1, 0, 0]);
/// let model = LearnerParams::new().fit(&dataset)?;
/// assert_eq!(model.predict(&array![[-0.75_f32], [0.75]]), array![1, 0]);
/// # Ok::<(), learner::learning::LinfaError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnerParams(LearnerValidParams);

/// The checked parameters of [`LearnerParams`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnerValidParams {
    max_classes: usize,
}

/// Why a dataset of linfa cannot be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum LinfaError {
    /// Fewer than two classes are allowed.
    #[error("max_classes is {0}, but a classifier needs at least 2")]
    TooFewClasses(usize),
    /// A target is too large.
    #[error("target {target} is not below max_classes, {max_classes}; raise max_classes")]
    TargetTooLarge {
        /// The target.
        target: usize,
        /// The limit.
        max_classes: usize,
    },
    /// There are as many targets as samples.
    #[error("{samples} samples have {targets} targets; each sample needs one")]
    MissingTargets {
        /// The number of samples.
        samples: usize,
        /// The number of targets.
        targets: usize,
    },
    /// The samples cannot be trained on.
    #[error(transparent)]
    Learning(#[from] LearningError),
    /// An error of linfa.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

impl LearnerParams {
    /// Up to 100 classes.
    #[must_use]
    pub fn new() -> Self {
        Self(LearnerValidParams { max_classes: 100 })
    }

    /// Targets are below this number, at least 2; time and memory grow with the number of classes.
    #[must_use]
    pub fn max_classes(self, max_classes: usize) -> Self {
        Self(LearnerValidParams { max_classes })
    }
}

impl Default for LearnerParams {
    fn default() -> Self {
        Self::new()
    }
}

impl ParamGuard for LearnerParams {
    type Checked = LearnerValidParams;
    type Error = LinfaError;

    fn check_ref(&self) -> Result<&Self::Checked, Self::Error> {
        if self.0.max_classes < 2 { Err(LinfaError::TooFewClasses(self.0.max_classes)) } else { Ok(&self.0) }
    }

    fn check(self) -> Result<Self::Checked, Self::Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl<D: Data<Elem = f32>, T: AsSingleTargets<Elem = usize>> Fit<ArrayBase<D, Ix2>, T, LinfaError>
    for LearnerValidParams
{
    type Object = TrainedModel;

    /// Trains on records of samples × features, of which NaN is a missing value, and a class for each sample.
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<TrainedModel, LinfaError> {
        let (records, targets) = (dataset.records(), dataset.as_single_targets());
        if targets.len() != records.nrows() {
            return Err(LinfaError::MissingTargets { samples: records.nrows(), targets: targets.len() });
        }
        if let Some(&target) = targets.iter().find(|&&target| target >= self.max_classes) {
            return Err(LinfaError::TargetTooLarge { target, max_classes: self.max_classes });
        }
        let mut distinct = targets.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let index =
            |target| distinct.binary_search(target).expect("every target is one of the distinct ones");
        let targets = targets.iter().map(|target| index(target) as u32).collect();
        let classes = distinct.iter().filter_map(|&target| Class::new(target as f64)).collect();
        Ok(train(&Labelled::new(features(records.view()), targets, classes))?)
    }
}

impl<D: Data<Elem = f32>> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>> for TrainedModel {
    /// The most probable class of each sample.
    ///
    /// # Panics
    /// When `x` lacks a column that the model was trained on, or `y` is not of the length of `x`.
    fn predict_inplace(&self, x: &ArrayBase<D, Ix2>, y: &mut Array1<usize>) {
        assert_eq!(x.ncols(), self.names.len(), "records have the columns of the training");
        assert_eq!(x.nrows(), y.len(), "there is a target for each sample");
        let rows: Vec<u32> = (0..x.nrows() as u32).collect();
        let probabilities = self.probabilities(&features(x.view()), &rows);
        for (target, row) in y.iter_mut().zip(probabilities.outer_iter()) {
            *target = f64::from(self.classes[most_probable(&row.to_vec())]) as usize;
        }
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(x.nrows())
    }
}

fn features(records: ArrayView2<'_, f32>) -> Features {
    let names = (0..records.ncols()).map(|at| at.to_string()).collect();
    let columns: Vec<Vec<f32>> = records.columns().into_iter().map(|column| column.to_vec()).collect();
    Features::of_columns(names, &columns)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn refuses_parameters_and_targets_that_do_not_fit() {
        let dataset = |targets: Array1<usize>| DatasetBase::new(array![[0.0_f32], [1.0]], targets);
        let fit =
            |params: LearnerParams, targets| params.fit(&dataset(targets)).map(|model| model.classes.len());
        assert_eq!(fit(LearnerParams::new(), array![0, 7]).expect("two classes"), 2);
        let error = |params, targets| fit(params, targets).expect_err("not trainable").to_string();
        assert!(error(LearnerParams::new().max_classes(1), array![0, 0]).contains("at least 2"));
        assert!(error(LearnerParams::new(), array![0, 100]).contains("raise max_classes"));
        assert!(error(LearnerParams::new(), array![0]).contains("2 samples have 1 targets"));
    }

    #[test]
    fn predicts_the_targets_that_it_was_given() {
        let records = Array2::from_shape_fn((60, 2), |(row, column)| (row * (column + 1) % 60) as f32);
        let targets = Array1::from_shape_fn(60, |row| if row < 30 { 3_usize } else { 9 });
        let model =
            LearnerParams::new().fit(&DatasetBase::new(records.clone(), targets.clone())).expect("trains");
        let mut found = model.default_target(&records);
        model.predict_inplace(&records, &mut found);
        let right = found.iter().zip(&targets).filter(|(a, b)| a == b).count();
        assert!(right >= 55, "{found}");
    }
}
