//! Prediction: a stored model's answers for new samples.

use std::fs::File;

use super::current_model::CurrentModel;
use super::reply::{Prediction, Status};
use super::{BackendError, NOT_TRAINED, open};
use crate::dataset::{Limits, read_unlabelled};
use crate::learning::most_probable;
use crate::model::Model;
use crate::store::ModelDir;

/// Predicts the samples of an unlabelled dataset; status 2 when the model has not been trained.
///
/// # Errors
/// [`BackendError`].
pub fn predict(model_dir: &ModelDir, dataset: File, limits: &Limits) -> Result<Prediction, BackendError> {
    let samples = read_unlabelled(open(dataset)?, limits)?;
    let Some(answering) = CurrentModel::at(model_dir)? else {
        let info = vec![NOT_TRAINED.to_owned()];
        return Ok(Prediction { status: Status::NO_MODEL, info, predictions: None });
    };
    let model = Model::load(&answering.onnx)?;
    let features = samples.features;
    let as_they_are = samples.named || !model.metadata().named;
    let features = if as_they_are { features } else { features.renamed(&model.metadata().features)? };
    let probabilities = model.predict(features)?;
    let classes: Vec<String> = model.metadata().classes.iter().map(ToString::to_string).collect();
    let predictions = samples
        .ids
        .into_iter()
        .zip(probabilities.outer_iter())
        .map(|(id, row)| {
            let row = row.to_vec();
            let class = most_probable(&row);
            // As single precision: the model's own, and its shortest text is what Moodle has always got.
            (id, classes[class].clone(), (row[class] as f32).to_string())
        })
        .collect();
    Ok(Prediction { status: Status::OK, info: Vec::new(), predictions: Some(predictions) })
}
