//! Training: merges new samples with the stored ones, trains a model on all of them and publishes it.
//!
//! Must not know how a model is learnt or stored.

use std::fs::File;

use serde_json::json;

use super::current_model::{CurrentModel, IMPORTED};
use super::learning_threads::on_learning_threads;
use super::reply::{Status, Training};
use super::score::probabilities;
use super::{BackendError, open};
use crate::dataset::{Labelled, Limits, read_labelled};
use crate::learning::{self, TrainedModel};
use crate::model::{self, Model};
use crate::store::{ModelDir, NewGeneration};

/// Trains the model at `model_dir` on a labelled dataset together with the stored samples of earlier batches.
///
/// A dataset with a class that has no sample gets status 8 and changes nothing.
///
/// # Errors
/// [`BackendError`]; the model is then unchanged.
pub fn train(model_dir: &ModelDir, dataset: File, limits: &Limits) -> Result<Training, BackendError> {
    let batch = read_labelled(open(dataset)?, limits)?;
    let (target, time_splitting) = (batch.header.target.clone(), batch.header.time_splitting.clone());
    let batch = batch.into_samples()?;
    if batch.class_counts().contains(&0) {
        return Ok(Training {
            status: Status::NOT_ENOUGH_DATA,
            info: Vec::new(),
            errors: Some("Training data needs to include samples belonging to all classes".to_owned()),
        });
    }

    let batch_rows = batch.targets().len();
    let lock = model_dir.lock()?;
    let (current, stored) = CurrentModel::with_samples(model_dir)?.unzip();
    let stored = stored.flatten().map(|bytes| Labelled::from_bytes(&bytes)).transpose()?;
    let total = batch_rows + stored.as_ref().map_or(0, |stored| stored.targets().len());
    let samples = match stored {
        Some(stored) => stored.merged(batch, limits.kept_rows)?,
        None => batch.canonical(limits.kept_rows),
    };
    let classes = samples.classes().len();
    if classes > limits.classes {
        return Err(BackendError::TooManyClasses { classes, max: limits.classes });
    }
    let (rows, features) = (samples.targets().len(), samples.features().names().len());
    if rows < total {
        tracing::warn!(
            samples = total,
            kept = rows,
            "more samples than MOODLE_MLBACKEND_MAX_KEPT_ROWS: an even subsample is kept"
        );
    }
    tracing::info!(new = batch_rows, samples = rows, features, "training started");
    let trained = on_learning_threads(|| learning::train(&samples))?;
    let imported = match current {
        Some(current) => better_import(current, &samples, &trained)?,
        None => None,
    };

    let facts = json!({
        "samples": rows,
        "classes": samples.classes(),
        "class_counts": samples.class_counts(),
        "log_loss": trained.log_loss,
        "target": target,
        "time_splitting": time_splitting,
        IMPORTED: imported.is_some(),
    });
    let model = imported.unwrap_or_else(|| model::to_onnx(&trained));
    let samples = samples.to_bytes()?;
    model_dir.publish(&lock, &NewGeneration { model: &model, samples: Some(&samples), facts: &facts })?;
    Ok(Training { status: Status::OK, info: Vec::new(), errors: None })
}

/// The bytes of an imported model that stays in use because the newly trained one is not clearly better. The samples that
/// an imported model was trained on are not known, so the samples of this site are collected until they suffice for a
/// better model.
///
/// The log-loss of the imported model on all samples so far is compared with the out-of-fold log-loss of the new one, with
/// two corrections in favour of the imported model. Its log-loss is taken after temperature scaling, because networks of
/// the Python server are overconfident and a single confident error would outweigh hundreds of good predictions. And the
/// new model must be better by one standard error, so that chance does not decide.
fn better_import(
    current: CurrentModel,
    samples: &Labelled,
    trained: &TrainedModel,
) -> Result<Option<Vec<u8>>, BackendError> {
    if !current.is_imported() {
        return Ok(None);
    }
    let predicted = probabilities(&Model::load(&current.onnx)?, samples)?;
    let (loss, standard_error) = learning::temperature_scaled_log_loss(samples, &predicted);
    let is_better = trained.log_loss.is_some_and(|trained| trained < loss - standard_error);
    Ok((!is_better).then_some(current.onnx))
}
