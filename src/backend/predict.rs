//! Prediction: the classes and probabilities of new samples.
//!
//! Must not know how a model was trained.

use std::fs::File;

use super::current_model::CurrentModel;
use super::learning_threads::on_imported_threads;
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
    let Some(current) = CurrentModel::at(model_dir)? else {
        let info = vec![NOT_TRAINED.to_owned()];
        return Ok(Prediction { status: Status::NO_MODEL, info, predictions: None });
    };
    let model = Model::load(&current.onnx)?;
    // Without names in the dataset, its columns are matched by their position.
    let features = if samples.named || !model.metadata().named {
        samples.features
    } else {
        samples.features.renamed(&model.metadata().features)?
    };
    let probabilities = if current.is_imported() {
        on_imported_threads(|| model.predict(features))?
    } else {
        model.predict(features)?
    };
    let classes: Vec<String> = model.metadata().classes.iter().map(ToString::to_string).collect();
    let predictions = samples
        .ids
        .into_iter()
        .zip(probabilities.outer_iter())
        .map(|(id, row)| {
            let row = row.to_vec();
            let class = most_probable(&row);
            // In the model's single precision, whose shortest text is the format that Moodle expects.
            (id, classes[class].clone(), (row[class] as f32).to_string())
        })
        .collect();
    Ok(Prediction { status: Status::OK, info: Vec::new(), predictions: Some(predictions) })
}
