//! Training: new samples join the kept ones, and a model of all of them is
//! published.

use std::path::Path;

use serde_json::json;

use super::compute::at_length;
use super::rate::rate;
use super::reply::{Status, Training};
use super::{BackendError, open};
use crate::dataset::{Labelled, Limits, read_labelled};
use crate::learning::{self, TrainedModel};
use crate::model::{self, Model};
use crate::store::{Generation, ModelHome, NewGeneration};

/// The name of the fact that a generation was imported and not trained here.
pub(super) const IMPORTED: &str = "imported";

/// Trains the model at `home` on a labelled dataset, keeping what earlier batches taught: the batch
/// joins all samples seen so far and the model is learnt from them together.
///
/// A class of the dataset without a sample is answered with status 8 and changes nothing.
///
/// # Errors
/// [`BackendError`]; the model is then as it was.
pub fn train(home: &ModelHome, dataset: &Path, limits: &Limits) -> Result<Training, BackendError> {
    let batch = read_labelled(open(dataset)?, limits)?.into_samples()?;
    if batch.class_counts().contains(&0) {
        return Ok(refused());
    }

    let lock = home.lock()?;
    let current = home.current()?;
    let kept = match &current {
        Some(generation) => generation.samples()?.map(|bytes| Labelled::from_bytes(&bytes)).transpose()?,
        None => None,
    };
    let seen = batch.targets().len() + kept.as_ref().map_or(0, |kept| kept.targets().len());
    let samples = match kept {
        Some(kept) => kept.merged(batch, limits.kept_rows)?,
        None => batch.canonical(limits.kept_rows),
    };
    let classes = samples.classes().len();
    if classes > limits.classes {
        return Err(BackendError::BadInput(format!(
            "With this dataset the model would have {classes} classes, more than {}: raise the server's setting \
             max-classes.",
            limits.classes
        )));
    }
    if samples.targets().len() < seen {
        tracing::warn!(
            seen,
            kept = samples.targets().len(),
            "more samples than max-kept-rows: an even choice is kept"
        );
    }
    let successor = at_length(|| learning::train(&samples))?;
    let kept_import = match &current {
        Some(generation) => better_import(generation, &samples, &successor)?,
        None => None,
    };

    let facts = json!({
        "samples": samples.targets().len(),
        "classes": samples.classes(),
        "class_counts": samples.class_counts(),
        "log_loss": successor.log_loss(),
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

/// The bytes of an imported model that answers the samples seen so far better than a model learnt
/// from them answers samples that it was not shown: such a model goes on answering.
///
/// An imported model comes without the samples that it has learnt from. What is sent here afterwards
/// is collected, until enough of it is there to do better.
fn better_import(
    current: &Generation,
    samples: &Labelled,
    successor: &TrainedModel,
) -> Result<Option<Vec<u8>>, BackendError> {
    if current.facts().get(IMPORTED) != Some(&json!(true)) {
        return Ok(None);
    }
    let bytes = current.model()?;
    let imported = Model::load(&bytes)?;
    let rated = rate(&imported, samples)?;
    let successor_is_better = successor.log_loss().is_some_and(|loss| loss < rated.mean.log_loss);
    Ok((!successor_is_better).then_some(bytes))
}
