//! Prediction: the classes and probabilities of new samples.
//!
//! Must not know how a model was trained.

use super::learning_threads::on_imported_threads;
use super::loaded_models::LoadedModels;
use super::observation::{Facts, observe};
use super::reply::{Prediction, Status};
use super::{BackendError, NOT_TRAINED, Upload, open};
use crate::dataset::{Limits, read_unlabelled};
use crate::learning::most_probable;
use crate::store::ModelDir;
use crate::telemetry::metrics::{Operation, Outcome};

/// Predicts the samples of an unlabelled dataset; status 2 when the model has not been trained.
///
/// # Errors
/// [`BackendError`].
pub fn predict(
    model_dir: &ModelDir,
    models: &LoadedModels,
    dataset: impl Into<Upload>,
    limits: &Limits,
) -> Result<Prediction, BackendError> {
    let outcome = |prediction: &Prediction| {
        if prediction.status == Status::OK { Outcome::Done } else { Outcome::NoResult }
    };
    let dataset = dataset.into();
    observe(Operation::Prediction, outcome, |facts| {
        predict_observed(model_dir, models, dataset, limits, facts)
    })
}

fn predict_observed(
    model_dir: &ModelDir,
    models: &LoadedModels,
    dataset: Upload,
    limits: &Limits,
    observed: &mut Facts,
) -> Result<Prediction, BackendError> {
    let samples = read_unlabelled(open(dataset)?, limits);
    let count = samples.as_ref().map_or(0, |samples| samples.ids.len());
    observed.samples = count;
    // Before the file is judged, as the Python server does it.
    let Some(loaded) = models.current(model_dir, count)? else {
        tracing::warn!(
            "prediction for a model that was never trained on this server. If Moodle shows it as trained (by another \
             backend, or because the data directory was replaced), choose Clear predictions in the model's menu: the \
             next scheduled training then sends all its data"
        );
        let info = vec![NOT_TRAINED.to_owned()];
        return Ok(Prediction { status: Status::NO_MODEL, info, predictions: None });
    };
    let samples = samples?;
    if let Some(names) = samples.miscounted_names {
        tracing::warn!(
            names,
            columns = samples.features.columns().len() + 1,
            "the dataset has more or fewer column names than columns: its features are matched by their position"
        );
    }
    let model = &loaded.model;
    // Without names in the dataset, its columns are matched by their position.
    let features = if samples.named || !model.metadata().named {
        samples.features
    } else {
        samples.features.renamed(&model.metadata().features)?
    };
    let probabilities = if loaded.imported {
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
