//! One model in a list: what its records say, without reading the model or its samples.
//!
//! Must not know the other models of a list.

use serde_json::Value;

use crate::backend::current_model::IMPORTED;
use crate::backend::transfer::label;
use crate::dataset::Class;
use crate::store::{DirHash, GenerationInfo, ModelDir, ModelId, StoreError};

use super::evaluation::StoredEvaluation;

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelOrigin {
    /// It was trained here.
    Trained,
    /// It was imported.
    Imported,
    /// It is in files of the Python server, which are used in place.
    PythonServer,
    /// There is none: there are only evaluations.
    None,
}

/// One model, or a directory with evaluations alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its id on the disk.
    pub id: ModelId,
    /// Its dirhash.
    pub dir: DirHash,
    /// Where it comes from.
    pub origin: ModelOrigin,
    /// The current generation, if one was published.
    pub current: Option<GenerationInfo>,
    /// The last evaluation of the model id, which Moodle stores under another dirhash.
    pub evaluation: Option<StoredEvaluation>,
    /// The size of its current files in bytes.
    pub bytes: u64,
    /// Why it cannot be used, if it cannot; names no path.
    pub problem: Option<&'static str>,
}

impl Summary {
    /// Reads one small file; of a model of the Python server the sizes of its files.
    pub(super) fn of(id: &ModelId, dir: DirHash, model_dir: &ModelDir) -> Self {
        let (current, problem) = match model_dir.current_info() {
            Ok(current) => (current, None),
            Err(error) => (None, Some(sentence(&error))),
        };
        let origin = match &current {
            Some(current) if current.is_imported() => ModelOrigin::Imported,
            Some(_) => ModelOrigin::Trained,
            None if model_dir.has_python_server_files() => ModelOrigin::PythonServer,
            None => ModelOrigin::None,
        };
        let bytes = current.as_ref().map_or_else(|| model_dir.bytes(), GenerationInfo::bytes);
        Self { id: id.clone(), dir, origin, current, evaluation: None, bytes, problem }
    }
}

fn sentence(error: &StoreError) -> &'static str {
    match error {
        StoreError::Corrupt { .. } => {
            "The model is damaged. Run \"moodle-mlbackend check\" on the server for details."
        }
        StoreError::Link { .. } => {
            "A link in the data directory is not followed. \"moodle-mlbackend check\" names it."
        }
        _ => "The model cannot be read. Run \"moodle-mlbackend check\" on the server for details.",
    }
}

/// What the facts of a generation say; facts of other versions may have less.
impl GenerationInfo {
    /// Whether it was imported, not trained by this server.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.facts.get(IMPORTED) == Some(&Value::Bool(true))
    }

    /// The number of samples that it was trained on.
    #[must_use]
    pub fn sample_count(&self) -> Option<u64> {
        self.facts.get("samples")?.as_u64()
    }

    /// Mean log-loss on held-out samples.
    #[must_use]
    pub fn log_loss(&self) -> Option<f64> {
        self.facts.get("log_loss")?.as_f64()
    }

    /// The labels of the classes.
    #[must_use]
    pub fn classes(&self) -> Vec<Value> {
        let classes = self.facts.get("classes").and_then(Value::as_array);
        let numbers = classes.into_iter().flatten().filter_map(|class| Class::new(class.as_f64()?));
        numbers.map(label).collect()
    }

    /// The number of samples of each class; empty if it is not known.
    #[must_use]
    pub fn class_counts(&self) -> Vec<u64> {
        let counts = self.facts.get("class_counts").and_then(Value::as_array);
        counts.into_iter().flatten().filter_map(Value::as_u64).collect()
    }

    /// A fact that is a text, such as `target`.
    #[must_use]
    pub fn text(&self, fact: &str) -> Option<&str> {
        self.facts.get(fact)?.as_str()
    }

    /// The number of the generation that it is a copy of, after a rollback.
    #[must_use]
    pub fn restored_from(&self) -> Option<u64> {
        self.facts.get("restored")?.get("generation")?.as_u64()
    }
}
