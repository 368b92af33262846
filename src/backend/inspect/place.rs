//! The models that lie in a directory, of a server or of Moodle's local mode.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::model::ModelReport;
use crate::backend::transfer::label;
use crate::model::{CLASSIFIER, MODEL, ModelFacts};
use crate::store::{Generation, ModelHome};

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
        let (stored, model) = look(path);
        Self { store: false, models: vec![stored], model: Some(model) }
    }

    /// A server's data directory; `None` when no model lies in it.
    pub(super) fn of_store(path: &Path) -> Option<Self> {
        let mut models = Vec::new();
        for uniqueid in names(path) {
            for dirhash in names(&path.join(&uniqueid)) {
                let home = path.join(&uniqueid).join(&dirhash);
                if home.join("classifier").is_dir() || home.join("logs").is_dir() {
                    let (stored, _) = look(&home);
                    models.push(StoredModel { uniqueid: uniqueid.clone(), dirhash, ..stored });
                }
            }
        }
        (!models.is_empty()).then_some(Self { store: true, models, model: None })
    }
}

/// The directories in a directory, sorted; hidden ones are not models.
fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        directories.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names
}

fn look(home: &Path) -> (StoredModel, ModelReport) {
    let evaluations = names(&home.join("logs")).len();
    let classifier = home.join("classifier");
    let seen = match ModelHome::at(home).look() {
        Ok(Some(generation)) => of_generation(&generation),
        Ok(None) if classifier.join(CLASSIFIER).is_file() => of_python_server(home),
        Ok(None) => (StoredModel::default(), ModelReport::default()),
        // The cause names files, which whoever looks at the directory may know.
        Err(error) => {
            let problem = Some(format!("{error}."));
            (
                StoredModel { problem: problem.clone(), ..StoredModel::default() },
                ModelReport { problem, ..ModelReport::default() },
            )
        }
    };
    (StoredModel { evaluations, ..seen.0 }, seen.1)
}

fn of_generation(generation: &Generation) -> (StoredModel, ModelReport) {
    let stored = StoredModel {
        generation: Some(generation.number()),
        when: Some(generation.when().to_owned()),
        samples: generation.facts().get("samples").and_then(Value::as_u64),
        log_loss: generation.facts().get("log_loss").and_then(Value::as_f64),
        ..StoredModel::default()
    };
    let read = generation.model().and_then(|model| Ok((model, generation.samples()?)));
    let (model, samples) = match read {
        Ok(read) => read,
        Err(error) => {
            let problem = Some(format!("{error}."));
            let report = ModelReport { problem: problem.clone(), ..ModelReport::default() };
            return (StoredModel { problem, ..stored }, report);
        }
    };
    let size = model.len() + samples.map_or(0, |samples| samples.len());
    let facts = ModelFacts::read(&model);
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
fn of_python_server(home: &Path) -> (StoredModel, ModelReport) {
    let report = match ModelHome::at(home).python_server_files() {
        Ok(files) => ModelReport::of_files("the files of a Python server", files.unwrap_or_default()),
        Err(error) => ModelReport { problem: Some(error.to_string()), ..ModelReport::default() },
    };
    let stored = StoredModel {
        origin: "the Python server".to_owned(),
        classes: report.classes.clone(),
        size: Some(report.files.iter().map(|(_, size)| *size as u64).sum()),
        problem: report.problem.clone(),
        ..StoredModel::default()
    };
    (stored, report)
}
