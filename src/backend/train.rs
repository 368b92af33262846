//! Training: new samples join the kept ones, and a model of all of them is
//! published.

use std::fs::File;

use serde_json::json;

use super::current_model::{CurrentModel, IMPORTED};
use super::learning_threads::at_length;
use super::reply::{Status, Training};
use super::score::answers;
use super::{BackendError, open};
use crate::dataset::{Labelled, Limits, read_labelled};
use crate::learning::{self, TrainedModel};
use crate::model::{self, Model};
use crate::store::{ModelDir, NewGeneration};

/// Trains the model at `home` on a labelled dataset, keeping what earlier batches taught: the batch
/// joins all samples seen so far and the model is learnt from them together.
///
/// A class of the dataset without a sample is answered with status 8 and changes nothing.
///
/// # Errors
/// [`BackendError`]; the model is then as it was.
pub fn train(home: &ModelDir, dataset: File, limits: &Limits) -> Result<Training, BackendError> {
    let batch = read_labelled(open(dataset)?, limits)?;
    let (target, time_splitting) = (batch.header.target.clone(), batch.header.time_splitting.clone());
    let batch = batch.into_samples()?;
    if batch.class_counts().contains(&0) {
        return Ok(refused());
    }

    let batch_rows = batch.targets().len();
    let lock = home.lock()?;
    let (current, kept) = CurrentModel::with_samples(home)?.unzip();
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
            "more samples than MOODLE_MLBACKEND_MAX_KEPT_ROWS: an even choice is kept"
        );
    }
    let (rows, features) = (samples.targets().len(), samples.features().names().len());
    tracing::info!(new = batch_rows, samples = rows, features, "training begins");
    let successor = at_length(|| learning::train(&samples))?;
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
    home.publish(&lock, &NewGeneration { model: &model, samples: Some(&samples), facts: &facts })?;
    Ok(Training { status: Status::OK, info: Vec::new(), errors: None })
}

fn refused() -> Training {
    Training {
        status: Status::NOT_ENOUGH_DATA,
        info: Vec::new(),
        errors: Some("Training data needs to include samples belonging to all classes".to_owned()),
    }
}

/// The bytes of a model from elsewhere, as long as nothing learnt here is clearly better than it: such a
/// model goes on answering. It comes without the samples that it has learnt from, so what is sent here
/// afterwards is collected, until enough of it is there to do better.
///
/// Compared are the log-loss of the model from elsewhere on the samples seen so far, and that of its
/// successor on those of them that it was not shown. Two things protect the former: it is rated as if it
/// were as calm as suits it best, because networks of the Python server are far too sure of themselves and
/// a single wrong one of their certainties would outweigh hundreds of good answers; and the successor must
/// be better by one standard error, which a few lucky samples are not.
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
