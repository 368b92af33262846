//! `model.json`: the facts of a model for people and tools.
//!
//! What a model's ONNX file says about itself counts; `model.json` repeats it in plain sight, beside a
//! checksum that tells whether the two belong together. Its `features` and `classes` are those of the
//! description that a model of another tool brings along.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::backend::current_model::IMPORTED;
use crate::dataset::Class;
use crate::model::{MODEL, MODEL_JSON, ModelFiles, ModelMetadata, TopFeature};
use crate::store::Generation;

/// The facts of an export.
#[derive(Debug, Serialize)]
pub(in crate::backend) struct Description {
    pub about: &'static str,
    /// The program that made the model, with its version.
    pub made_by: String,
    /// The program that wrote the export.
    pub exported_by: String,
    /// Moodle's name of what is predicted, where known.
    pub target: Option<String>,
    /// Moodle's name of how a course's time is split, where known.
    pub time_splitting: Option<String>,
    /// When this state of the model was published (RFC 3339).
    pub published: Option<String>,
    /// Counts the published states of the model; none for one that the Python server keeps.
    pub generation: Option<u64>,
    /// Whether it came from elsewhere.
    pub imported: bool,
    /// In the order of the input's columns.
    pub features: Vec<String>,
    /// Whether `features` are Moodle's names and not just a count of columns.
    pub named: bool,
    /// In the order of the output's columns.
    pub classes: Vec<Value>,
    /// How many samples it has learnt from, where known.
    pub samples: Option<usize>,
    /// How many of each class; empty where unknown.
    pub class_counts: Vec<usize>,
    pub metrics: Metrics,
    /// What the learner decided, in sentences.
    pub decisions: Vec<String>,
    /// The features that move its answers most.
    pub top_features: Vec<TopFeature>,
    pub input: Port,
    pub output: Port,
    /// Of `model.onnx`, in bytes.
    pub size: usize,
    /// Of `model.onnx`, in hexadecimal digits.
    pub sha256: String,
}

/// How well it answers.
#[derive(Debug, Serialize)]
pub(in crate::backend) struct Metrics {
    /// Mean log-loss on held-out samples.
    pub log_loss: Option<f64>,
    /// What always answering with the classes' shares has.
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

/// The facts of a generation and of its model file.
pub(in crate::backend) fn describe(
    generation: Option<&Generation>,
    facts: ModelMetadata,
    model: &[u8],
) -> Description {
    let noted = |key: &str| generation.and_then(|generation| generation.facts().get(key));
    let text = |key: &str| noted(key).and_then(Value::as_str).map(str::to_owned);
    let known = !facts.class_counts.is_empty();
    Description {
        about: "A Moodle analytics model. model.onnx is all that is needed to use it; model-card.md says what it is.",
        made_by: facts.made_by,
        exported_by: format!("moodle-mlbackend {}", env!("CARGO_PKG_VERSION")),
        target: text("target"),
        time_splitting: text("time_splitting"),
        published: generation.map(|generation| generation.created_at().to_owned()),
        generation: generation.map(Generation::number),
        imported: generation.is_none() || noted(IMPORTED) == Some(&Value::Bool(true)),
        features: facts.features,
        named: facts.named,
        classes: facts.classes.iter().copied().map(label).collect(),
        samples: known.then(|| facts.class_counts.iter().sum()),
        metrics: Metrics {
            log_loss: facts.log_loss,
            log_loss_of_shares: known.then(|| log_loss_of_shares(&facts.class_counts)),
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

/// A class as Moodle writes it: 1 and not 1.0.
pub(in crate::backend) fn label(class: Class) -> Value {
    let number = class.number();
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// The entropy of the classes' shares.
pub(in crate::backend) fn log_loss_of_shares(counts: &[usize]) -> f64 {
    let total = counts.iter().sum::<usize>().max(1) as f64;
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total);
    shares.map(|share| -share * share.ln()).sum::<f64>().max(0.0)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The claims of a model's `model.json`, which is untrusted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    sha256: Option<String>,
    pub target: Option<String>,
    pub time_splitting: Option<String>,
}

/// More characters than a name of Moodle's has.
const MAX_NAME_CHARS: usize = 300;

impl Claims {
    /// Nothing is claimed when there is no `model.json` or it is of another kind: who needs it reads it.
    pub(super) fn of(files: &ModelFiles) -> Self {
        let claims: Option<Self> = files.get(MODEL_JSON).and_then(|bytes| serde_json::from_slice(bytes).ok());
        let claims = claims.unwrap_or_default();
        let short = |name: Option<String>| {
            name.map(|name| name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect())
        };
        Self { target: short(claims.target), time_splitting: short(claims.time_splitting), ..claims }
    }

    /// A checksum must be that of the model beside it.
    ///
    /// # Errors
    /// Says which files do not belong together.
    pub(super) fn check(&self, files: &ModelFiles) -> Result<(), String> {
        match (&self.sha256, files.get(MODEL)) {
            (Some(claimed), Some(model)) if !claimed.trim().eq_ignore_ascii_case(&sha256(model)) => {
                Err(format!(
                    "its {MODEL} and {MODEL_JSON} do not belong together: the sha256 in {MODEL_JSON} is that of \
                 another file; export the model again, and keep the files of an export together"
                ))
            }
            _ => Ok(()),
        }
    }
}
