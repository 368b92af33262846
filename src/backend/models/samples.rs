//! The kept samples of a model as a dataset.
//!
//! Owns which of them are in it. Must not know the format of the file.

use serde_json::Value;

use crate::backend::BackendError;
use crate::backend::current_model::CurrentModel;
use crate::dataset::{Class, CsvWriter, Labelled, StoredSamples};
use crate::store::{Generation, ModelDir};

/// The kept samples of a model as a dataset; `None` if none are kept.
#[derive(Debug)]
pub struct KeptSamples(pub Option<CsvWriter>);

/// The samples that the current model was trained on, as a dataset that trains the same model again. Samples of classes that the target no longer has are not in it: the model was not trained on them.
///
/// # Errors
/// [`BackendError`] if the stored samples are damaged.
pub fn samples(model_dir: &ModelDir) -> Result<KeptSamples, BackendError> {
    let Some((CurrentModel { generation: Some(generation), .. }, Some(bytes))) =
        CurrentModel::with_samples(model_dir)?
    else {
        return Ok(KeptSamples(None));
    };
    let facts = generation.facts();
    let text = |key: &str| facts.get(key).and_then(Value::as_str);
    let writer = trained_on(&generation, &bytes)?
        .map(|samples| CsvWriter::new(samples, text("target"), text("time_splitting")));
    Ok(KeptSamples(writer))
}

/// The stored samples that a generation was trained on; `None` if none are kept.
pub(in crate::backend) fn trained_on(
    generation: &Generation,
    bytes: &[u8],
) -> Result<Option<Labelled>, BackendError> {
    let stored = StoredSamples::from_bytes(bytes)?;
    let Some(samples) = stored.samples() else { return Ok(None) };
    let classes = generation.facts().get("classes").and_then(Value::as_array);
    let classes: Option<Vec<Class>> =
        classes.map(|classes| classes.iter().filter_map(|class| Class::new(class.as_f64()?)).collect());
    let (samples, _) = samples.of_classes(classes.as_deref().unwrap_or(samples.classes()));
    Ok(Some(samples.into_owned()))
}
