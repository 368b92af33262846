//! Training: the new samples are merged with the stored ones, and a model of all of them is published.

use std::fs::File;

use serde_json::json;

use super::current_model::{CurrentModel, IMPORTED};
use super::learning_threads::on_learning_threads;
use super::reply::{Status, Training};
use super::score::answers;
use super::{BackendError, open};
use crate::dataset::{Labelled, Limits, read_labelled};
use crate::learning::{self, TrainedModel};
use crate::model::{self, Model};
use crate::store::{ModelDir, NewGeneration};

/// Trains the model at `model_dir` on a labelled dataset, together with all samples of earlier
/// batches, which are stored beside the model.
///
/// A dataset with a class that has no sample gets status 8 and changes nothing.
///
/// # Errors
/// [`BackendError`]; the model is then as it was.
pub fn train(model_dir: &ModelDir, dataset: File, limits: &Limits) -> Result<Training, BackendError> {
    let batch = read_labelled(open(dataset)?, limits)?;
    let (target, time_splitting) = (batch.header.target.clone(), batch.header.time_splitting.clone());
    let batch = batch.into_samples()?;
    if batch.class_counts().contains(&0) {
        return Ok(refused());
    }

    let batch_rows = batch.targets().len();
    let lock = model_dir.lock()?;
    let (current, kept) = CurrentModel::with_samples(model_dir)?.unzip();
    let kept = kept.flatten().map(|bytes| Labelled::from_bytes(&bytes)).transpose()?;
    let seen = batch.targets().len() + kept.as_ref().map_or(0, |kept| kept.targets().len());
    let samples = match kept {
        Some(kept) => kept.merged(batch, limits.kept_rows)?,
        None => batch.canonical(limits.kept_rows),
    };
    let classes = samples.classes().len();
    if classes > limits.classes {
        return Err(BackendError::TooManyClasses { classes, max: limits.classes });
    }
    if samples.targets().len() < seen {
        tracing::warn!(
            seen,
            kept = samples.targets().len(),
            "more samples than MOODLE_MLBACKEND_MAX_KEPT_ROWS: an even subsample is kept"
        );
    }
    let (rows, features) = (samples.targets().len(), samples.features().names().len());
    tracing::info!(new = batch_rows, samples = rows, features, "training started");
    let successor = on_learning_threads(|| learning::train(&samples))?;
    let kept_import = match current {
        Some(current) => better_import(current, &samples, &successor)?,
        None => None,
    };

    let facts = json!({
        "samples": samples.targets().len(),
        "classes": samples.classes(),
        "class_counts": samples.class_counts(),
        "log_loss": successor.log_loss(),
        "target": target,
        "time_splitting": time_splitting,
        IMPORTED: kept_import.is_some(),
    });
    let model = kept_import.unwrap_or_else(|| model::to_onnx(&successor));
    let samples = samples.to_bytes()?;
    model_dir.publish(&lock, &NewGeneration { model: &model, samples: Some(&samples), facts: &facts })?;
    Ok(Training { status: Status::OK, info: Vec::new(), errors: None })
}

fn refused() -> Training {
    Training {
        status: Status::NOT_ENOUGH_DATA,
        info: Vec::new(),
        errors: Some("Training data needs to include samples belonging to all classes".to_owned()),
    }
}

/// The bytes of an imported model that stays in use because the newly trained one is not clearly better. An imported
/// model comes without its training samples, so the samples sent here are collected until they are enough to do better.
///
/// Compared are the log-loss of the imported model on all samples so far and the out-of-fold log-loss of the new one. The
/// imported model has two advantages: its log-loss is taken after temperature scaling, because networks of the Python
/// server are far too confident and a single confident error would outweigh hundreds of good predictions; and the new
/// model must be better by one standard error, so that a few lucky samples do not decide.
fn better_import(
    current: CurrentModel,
    samples: &Labelled,
    successor: &TrainedModel,
) -> Result<Option<Vec<u8>>, BackendError> {
    if !current.is_brought() {
        return Ok(None);
    }
    let brought = Model::load(&current.onnx)?;
    let (loss, error) = learning::temperature_scaled_log_loss(samples, &answers(&brought, samples)?);
    let successor_is_better = successor.log_loss().is_some_and(|successor| successor < loss - error);
    Ok((!successor_is_better).then_some(current.onnx))
}
