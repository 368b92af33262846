//! The description of a directory of models, of a server or of Moodle's local mode.
//!
//! Must not know how it is shown.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::model::ModelReport;
use crate::model::{MODEL, ModelFiles};
use crate::store::{Generation, Listing, ModelDir, Store, StoreError};

/// The description of a directory of models.
#[derive(Debug, Serialize)]
pub struct DirectoryReport {
    /// Whether it is the data directory or the bucket of a server, not the directory of one model.
    pub store: bool,
    /// The models, sorted by name.
    pub models: Vec<StoredModel>,
    /// The description of the model, for the directory of one model.
    pub model: Option<ModelReport>,
}

/// One model in a directory.
#[derive(Debug, Default, Serialize)]
pub struct StoredModel {
    /// Moodle's id of the model; empty for the directory of one model.
    pub uniqueid: String,
    /// Moodle's id of the model's use.
    pub dirhash: String,
    /// The program that made it; empty if there are only evaluations.
    pub origin: String,
    /// The current generation.
    pub generation: Option<u64>,
    /// The time of its publication (RFC 3339).
    pub when: Option<String>,
    /// The number of stored training samples.
    pub samples: Option<u64>,
    /// The labels of its classes.
    pub classes: Vec<Value>,
    /// Mean log-loss on held-out samples.
    pub log_loss: Option<f64>,
    /// The size of its files in bytes.
    pub size: Option<u64>,
    /// The number of stored evaluations.
    pub evaluations: usize,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<String>,
}

impl DirectoryReport {
    /// Describes the directory of one model, which contains `classifier/` and `logs/`.
    pub(super) fn of_model(path: &Path) -> Self {
        let (stored, model) = of_directory(&ModelDir::at(path));
        Self { store: false, models: vec![stored], model: Some(model) }
    }

    /// Describes all models of a server.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn of_store(store: &Store) -> Result<Self, StoreError> {
        let Listing { models, unreadable } = store.model_dirs()?;
        let models = models.into_iter().map(|(id, hash, model_dir)| StoredModel {
            uniqueid: id.as_str().to_owned(),
            dirhash: hash.as_str().to_owned(),
            ..of_directory(&model_dir).0
        });
        let unreadable = unreadable
            .into_iter()
            .map(|(id, error)| StoredModel { uniqueid: id.as_str().to_owned(), ..unusable(&error).0 });
        Ok(Self { store: true, models: models.chain(unreadable).collect(), model: None })
    }
}

fn of_directory(model_dir: &ModelDir) -> (StoredModel, ModelReport) {
    let described = model_dir.current_read_only().and_then(|generation| match generation {
        Some(generation) => Ok(of_generation(&generation)),
        None => Ok(model_dir.python_server_files()?.map(of_python_server).unwrap_or_default()),
    });
    // The cause names files, which is fine for a user with access to the directory.
    let (stored, report) = described.unwrap_or_else(|error| unusable(&error));
    let evaluations = model_dir.runs().map_or(0, |runs| runs.len());
    (StoredModel { evaluations, ..stored }, report)
}

fn unusable(error: &StoreError) -> (StoredModel, ModelReport) {
    let report = ModelReport { problem: Some(format!("{error}.")), ..ModelReport::default() };
    (StoredModel::of_report(&report), report)
}

fn of_generation(generation: &Generation) -> (StoredModel, ModelReport) {
    let (report, samples_bytes) =
        match generation.model().and_then(|model| Ok((model, generation.samples()?))) {
            Ok((model, samples)) => {
                let report = ModelReport::of_files("a model of a server", [(MODEL.to_owned(), model)].into());
                (report, samples.map_or(0, |samples| samples.len() as u64))
            }
            Err(error) => (unusable(&error).1, 0),
        };
    let described = StoredModel::of_report(&report);
    let stored = StoredModel {
        generation: Some(generation.number()),
        when: Some(generation.created_at().to_owned()),
        samples: generation.facts().get("samples").and_then(Value::as_u64),
        log_loss: generation.facts().get("log_loss").and_then(Value::as_f64),
        size: described.size.map(|size| size + samples_bytes),
        ..described
    };
    (stored, report)
}

fn of_python_server(files: ModelFiles) -> (StoredModel, ModelReport) {
    let report = ModelReport::of_files("the files of a Python server", files);
    (StoredModel { origin: "the Python server".to_owned(), ..StoredModel::of_report(&report) }, report)
}

impl StoredModel {
    fn of_report(report: &ModelReport) -> Self {
        let bytes = report.files.iter().map(|(_, bytes)| *bytes as u64).sum();
        Self {
            origin: report.origin.clone(),
            classes: report.classes.clone(),
            size: (!report.files.is_empty()).then_some(bytes),
            problem: report.problem.clone(),
            ..Self::default()
        }
    }
}
