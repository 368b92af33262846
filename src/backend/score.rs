//! A stored model's predictions for labelled samples.

use ndarray::Array2;

use super::BackendError;
use crate::dataset::Labelled;
use crate::model::Model;

/// The probability of each of the samples' classes for each sample. Classes are matched by their labels; a class that
/// the model does not have gets probability 0.
pub(super) fn probabilities(model: &Model, samples: &Labelled) -> Result<Array2<f64>, BackendError> {
    let predicted = model.predict(samples.features().clone())?;
    let columns: Vec<Option<usize>> = samples
        .classes()
        .iter()
        .map(|class| model.metadata().classes.iter().position(|known| known == class))
        .collect();
    let mut probabilities = Array2::zeros((predicted.nrows(), columns.len()));
    for (mut to, from) in probabilities.outer_iter_mut().zip(predicted.outer_iter()) {
        for (to, column) in to.iter_mut().zip(&columns) {
            *to = column.map_or(0.0, |column| from[column]);
        }
    }
    Ok(probabilities)
}
