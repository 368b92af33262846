//! `model.json`: the facts of a model for people and tools.
//!
//! The metadata in the ONNX file is authoritative; `model.json` repeats it in readable form, with a checksum that ties it
//! to the ONNX file. Its `features` and `classes` have the format of the description of another tool's model. Must not
//! know how files are packed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ImportError;
use crate::backend::current_model::IMPORTED;
use crate::dataset::Class;
use crate::model::{MODEL, MODEL_JSON, ModelFiles, ModelMetadata, TopFeature, without_bom};
use crate::store::Generation;
use crate::text::Untrusted;

/// The facts of an export.
#[derive(Debug, Serialize)]
pub(in crate::backend) struct Description {
    pub about: &'static str,
    /// The program that made the model, with its version.
    pub made_by: String,
    /// The program that wrote the export.
    pub exported_by: String,
    /// Moodle's name of the target, if known.
    pub target: Option<String>,
    /// Moodle's name of the time-splitting method, if known.
    pub time_splitting: Option<String>,
    /// The time at which this generation was published (RFC 3339).
    pub published: Option<String>,
    /// `None` for a model that is stored by the Python server.
    pub generation: Option<u64>,
    /// Whether the model was trained by another server or tool.
    pub imported: bool,
    /// The names, in the order of the input's columns.
    pub features: Vec<String>,
    /// Whether `features` are Moodle's names; otherwise they are only numbered.
    pub named: bool,
    /// The labels, in the order of the output's columns.
    pub classes: Vec<Value>,
    /// The number of training samples, if known.
    pub samples: Option<usize>,
    /// The number of training samples per class; empty if unknown.
    pub class_counts: Vec<usize>,
    pub metrics: Metrics,
    /// The decisions of the learner, in sentences.
    pub decisions: Vec<String>,
    /// The features with the largest shares in the model.
    pub top_features: Vec<TopFeature>,
    pub input: Port,
    pub output: Port,
    /// The size of `model.onnx` in bytes.
    pub size: usize,
    /// The checksum of `model.onnx` in hexadecimal digits.
    pub sha256: String,
}

/// The quality of a model.
#[derive(Debug, Serialize)]
pub(in crate::backend) struct Metrics {
    /// Mean log-loss on held-out samples.
    pub log_loss: Option<f64>,
    /// The log-loss of always predicting the shares of the classes.
    pub log_loss_of_shares: Option<f64>,
}

/// An input or output of the ONNX graph.
#[derive(Debug, Serialize)]
pub(in crate::backend) struct Port {
    pub name: &'static str,
    pub r#type: &'static str,
    pub rows: &'static str,
    pub columns: &'static str,
}

/// Describes a model file and its generation.
pub(in crate::backend) fn describe(
    generation: Option<&Generation>,
    facts: ModelMetadata,
    model: &[u8],
) -> Description {
    let fact = |key: &str| generation.and_then(|generation| generation.facts().get(key));
    let text = |key: &str| fact(key).and_then(Value::as_str).map(str::to_owned);
    let has_counts = !facts.class_counts.is_empty();
    Description {
        about: "A Moodle analytics model. model.onnx is sufficient to run it; model-card.md describes it.",
        made_by: facts.made_by,
        exported_by: format!("moodle-mlbackend {}", env!("CARGO_PKG_VERSION")),
        target: text("target"),
        time_splitting: text("time_splitting"),
        published: generation.map(|generation| generation.created_at().to_owned()),
        generation: generation.map(Generation::number),
        imported: generation.is_none() || fact(IMPORTED) == Some(&Value::Bool(true)),
        features: facts.features,
        named: facts.named,
        classes: facts.classes.iter().copied().map(label).collect(),
        samples: has_counts.then(|| facts.class_counts.iter().sum()),
        metrics: Metrics {
            log_loss: facts.log_loss,
            log_loss_of_shares: has_counts.then(|| log_loss_of_shares(&facts.class_counts)),
        },
        class_counts: facts.class_counts,
        decisions: facts.decisions,
        top_features: facts.top_features,
        input: Port {
            name: "features",
            r#type: "float32",
            rows: "samples",
            columns: "features, in their order; NaN where a value is missing",
        },
        output: Port {
            name: "probabilities",
            r#type: "float32",
            rows: "samples",
            columns: "classes, in their order",
        },
        size: model.len(),
        sha256: sha256(model),
    }
}

/// The label of a class as Moodle writes it: 1, not 1.0.
pub(in crate::backend) fn label(class: Class) -> Value {
    let number = class.number();
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// The entropy of the shares of the classes: the log-loss of always predicting them.
pub(in crate::backend) fn log_loss_of_shares(counts: &[usize]) -> f64 {
    let total = counts.iter().sum::<usize>().max(1) as f64;
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total);
    shares.map(|share| -share * share.ln()).sum::<f64>().max(0.0)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The part of an imported model's `model.json` that is used. It is untrusted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    sha256: Option<String>,
    pub target: Option<String>,
    pub time_splitting: Option<String>,
}

/// No name in Moodle is longer.
const MAX_NAME_CHARS: usize = 300;

impl Claims {
    /// No claims if there is no `model.json` or it has another format: the import of the model reports errors in it.
    pub(super) fn of(files: &ModelFiles) -> Self {
        let claims: Option<Self> =
            files.get(MODEL_JSON).and_then(|bytes| serde_json::from_slice(without_bom(bytes)).ok());
        let claims = claims.unwrap_or_default();
        let line = |name: Option<String>| name.map(|name| Untrusted(&name).line(MAX_NAME_CHARS));
        Self { target: line(claims.target), time_splitting: line(claims.time_splitting), ..claims }
    }

    /// Checks that a checksum is that of the model file.
    ///
    /// # Errors
    /// [`ImportError::OtherDescription`].
    pub(super) fn check(&self, files: &ModelFiles) -> Result<(), ImportError> {
        match (&self.sha256, files.get(MODEL)) {
            (Some(claimed), Some(model)) if !claimed.trim().eq_ignore_ascii_case(&sha256(model)) => {
                Err(ImportError::OtherDescription)
            }
            _ => Ok(()),
        }
    }
}
