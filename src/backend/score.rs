//! A stored model's predictions for labelled samples.

use ndarray::Array2;

use super::BackendError;
use crate::dataset::Labelled;
use crate::learning;
use crate::learning::Evaluation;
use crate::model::Model;

/// Rates a stored model on samples.
pub(super) fn rate(model: &Model, samples: &Labelled) -> Result<Evaluation, BackendError> {
    Ok(learning::evaluate_predictions(samples, &answers(model, samples)?))
}

/// The probability of each of the samples' classes for each sample. Classes are matched by their labels; a class that
/// the model does not know gets probability 0.
pub(super) fn answers(model: &Model, samples: &Labelled) -> Result<Array2<f64>, BackendError> {
    let answers = model.predict(samples.features().clone())?;
    let columns: Vec<Option<usize>> = samples
        .classes()
        .iter()
        .map(|class| model.metadata().classes.iter().position(|known| known == class))
        .collect();
    let mut probabilities = Array2::zeros((answers.nrows(), columns.len()));
    for (mut to, from) in probabilities.outer_iter_mut().zip(answers.outer_iter()) {
        for (to, column) in to.iter_mut().zip(&columns) {
            *to = column.map_or(0.0, |column| from[column]);
        }
    }
    Ok(probabilities)
}
