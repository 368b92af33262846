//! The models that lie in a directory, of a server or of Moodle's local mode.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::model::ModelReport;
use crate::backend::transfer::label;
use crate::model::{MODEL, ModelFiles, ModelMetadata};
use crate::store::{Generation, Listing, ModelDir, Store, StoreError};

/// The models that lie in a directory.
#[derive(Debug, Serialize)]
pub struct PlaceReport {
    /// Whether it is a server's data directory, and not the directory of one model.
    pub store: bool,
    /// In the order of their names.
    pub models: Vec<StoredModel>,
    /// Of the directory of one model: what the model is.
    pub model: Option<ModelReport>,
}

/// One model in a directory.
#[derive(Debug, Default, Serialize)]
pub struct StoredModel {
    /// Moodle's id of the model; empty for the directory of one model.
    pub uniqueid: String,
    /// Moodle's id of the model's use.
    pub dirhash: String,
    /// What made it; empty when there are only evaluations.
    pub origin: String,
    /// Which published state is the current one.
    pub generation: Option<u64>,
    /// When it was published (RFC 3339).
    pub when: Option<String>,
    /// How many samples are kept to learn from again.
    pub samples: Option<u64>,
    /// The classes it tells apart.
    pub classes: Vec<Value>,
    /// Mean log-loss on held-out samples.
    pub log_loss: Option<f64>,
    /// Its files, in bytes.
    pub size: Option<u64>,
    /// How many evaluations lie beside it.
    pub evaluations: usize,
    /// Why it cannot be used, when it cannot.
    pub problem: Option<String>,
}

impl PlaceReport {
    /// The directory of one model, `classifier/` and `logs/` inside.
    pub(super) fn of_model(path: &Path) -> Self {
        let (stored, model) = look(&ModelDir::at(path));
        Self { store: false, models: vec![stored], model: Some(model) }
    }

    /// A server's data directory; `None` when no model lies in it.
    pub(super) fn of_store(path: &Path) -> Result<Option<Self>, StoreError> {
        let Listing { models, unreadable } = Store::open_read_only(path)?.model_dirs()?;
        let models = models.into_iter().map(|(id, hash, model_dir)| StoredModel {
            uniqueid: id.as_str().to_owned(),
            dirhash: hash.as_str().to_owned(),
            ..look(&model_dir).0
        });
        let unreadable = unreadable
            .into_iter()
            .map(|(id, error)| StoredModel { uniqueid: id.as_str().to_owned(), ..unusable(&error).0 });
        let models: Vec<StoredModel> = models.chain(unreadable).collect();
        Ok((!models.is_empty()).then_some(Self { store: true, models, model: None }))
    }
}

fn look(model_dir: &ModelDir) -> (StoredModel, ModelReport) {
    let seen = model_dir.current_read_only().and_then(|generation| match generation {
        Some(generation) => Ok(of_generation(&generation)),
        None => Ok(model_dir.python_server_files()?.map(of_python_server).unwrap_or_default()),
    });
    // The cause names files, which a user with access to the directory may know.
    let (stored, report) = seen.unwrap_or_else(|error| unusable(&error));
    let evaluations = model_dir.runs().map_or(0, |runs| runs.len());
    (StoredModel { evaluations, ..stored }, report)
}

fn unusable(error: &StoreError) -> (StoredModel, ModelReport) {
    let problem = Some(format!("{error}."));
    (
        StoredModel { problem: problem.clone(), ..StoredModel::default() },
        ModelReport { problem, ..ModelReport::default() },
    )
}

fn of_generation(generation: &Generation) -> (StoredModel, ModelReport) {
    let stored = StoredModel {
        generation: Some(generation.number()),
        when: Some(generation.created_at().to_owned()),
        samples: generation.facts().get("samples").and_then(Value::as_u64),
        log_loss: generation.facts().get("log_loss").and_then(Value::as_f64),
        ..StoredModel::default()
    };
    let read = generation.model().and_then(|model| Ok((model, generation.samples()?)));
    let (model, samples) = match read {
        Ok(read) => read,
        Err(error) => {
            let (StoredModel { problem, .. }, report) = unusable(&error);
            return (StoredModel { problem, ..stored }, report);
        }
    };
    let size = model.len() + samples.map_or(0, |samples| samples.len());
    let facts = ModelMetadata::read(&model);
    let report = ModelReport::of_files("what a server keeps", [(MODEL.to_owned(), model)].into());
    let stored = StoredModel {
        origin: report.origin.clone(),
        classes: facts.map(|facts| facts.classes.into_iter().map(label).collect()).unwrap_or_default(),
        size: Some(size as u64),
        problem: report.problem.clone(),
        ..stored
    };
    (stored, report)
}

/// A directory that the Python server wrote.
fn of_python_server(files: ModelFiles) -> (StoredModel, ModelReport) {
    let report = ModelReport::of_files("the files of a Python server", files);
    let stored = StoredModel {
        origin: "the Python server".to_owned(),
        classes: report.classes.clone(),
        size: Some(report.files.iter().map(|(_, size)| *size as u64).sum()),
        problem: report.problem.clone(),
        ..StoredModel::default()
    };
    (stored, report)
}
