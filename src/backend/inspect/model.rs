//! What one model is, from its files.

use serde::Serialize;
use serde_json::Value;

use crate::backend::transfer::{label, log_loss_of_shares};
use crate::model::{
    CLASSIFIER, MODEL, ModelError, ModelFiles, ModelMetadata, Summary, TopFeature, import, summary,
};

/// The old releases, in words.
const TENSORFLOW1: &str = "the Python server's TensorFlow 1 releases";

/// What one model is.
#[derive(Debug, Default, Serialize)]
pub struct ModelReport {
    /// Where it stands: an ONNX file, an export…
    pub found_as: &'static str,
    /// What made it.
    pub origin: String,
    /// Why it cannot be used, when it cannot.
    pub problem: Option<String>,
    /// The name and size in bytes of each file.
    pub files: Vec<(String, usize)>,
    /// How many features a sample has.
    pub features: usize,
    /// Their names, in order; empty where they were not handed down.
    pub feature_names: Vec<String>,
    /// In the order of the answer.
    pub classes: Vec<Value>,
    /// How many samples of each class it has learnt from; empty where unknown.
    pub class_counts: Vec<usize>,
    /// Mean log-loss on held-out samples.
    pub log_loss: Option<f64>,
    /// What always answering with the classes' shares has.
    pub log_loss_of_shares: Option<f64>,
    /// What the learner decided.
    pub decisions: Vec<String>,
    /// The features that move its answers most.
    pub top_features: Vec<TopFeature>,
    /// What an ONNX file consists of.
    pub graph: Option<Summary>,
}

impl ModelReport {
    /// Looks at the files of a model.
    pub(super) fn of_files(found_as: &'static str, files: ModelFiles) -> Self {
        let onnx = files.get(MODEL);
        let own = onnx.and_then(|onnx| ModelMetadata::read(onnx).ok());
        let origin = match (&own, onnx, files.contains_key(CLASSIFIER)) {
            (Some(own), ..) => own.made_by.clone(),
            (None, Some(_), _) => "another tool, as ONNX".to_owned(),
            (None, None, true) => "the Python server, with Keras".to_owned(),
            (None, None, false) => TENSORFLOW1.to_owned(),
        };
        let report = Self {
            found_as,
            origin,
            files: files.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect(),
            graph: onnx.and_then(|onnx| summary(onnx)),
            ..Self::default()
        };
        let brought = import(files).and_then(|bytes| ModelMetadata::read(&bytes));
        match brought {
            Ok(facts) => report.with_facts(facts),
            // Its facts may be read although it cannot be run.
            Err(error) => {
                let known = own.map_or_else(Self::default, |facts| Self::default().with_facts(facts));
                let tensorflow1 = matches!(error, ModelError::TensorFlow1);
                Self {
                    found_as: report.found_as,
                    origin: if tensorflow1 { TENSORFLOW1.to_owned() } else { report.origin },
                    files: report.files,
                    graph: report.graph,
                    problem: Some(format!("It cannot be used: {error}.")),
                    ..known
                }
            }
        }
    }

    fn with_facts(self, facts: ModelMetadata) -> Self {
        Self {
            features: facts.features.len(),
            feature_names: if facts.named { facts.features } else { Vec::new() },
            classes: facts.classes.iter().copied().map(label).collect(),
            log_loss: facts.log_loss,
            log_loss_of_shares: (!facts.class_counts.is_empty())
                .then(|| log_loss_of_shares(&facts.class_counts)),
            class_counts: facts.class_counts,
            decisions: facts.decisions,
            top_features: facts.top_features,
            ..self
        }
    }
}
