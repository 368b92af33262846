//! The description of a model, from its files.
//!
//! Must not know how it is shown.

use serde::Serialize;
use serde_json::Value;

use crate::backend::transfer::{label, log_loss_of_shares};
use crate::model::{
    CLASSIFIER, MODEL, ModelError, ModelFiles, ModelMetadata, Summary, TopFeature, import, summary,
};

const TENSORFLOW1: &str = "the Python server's TensorFlow 1 releases";

/// The description of a model.
#[derive(Debug, Default, Serialize)]
pub struct ModelReport {
    /// The kind of files: an ONNX file, an export…
    pub found_as: &'static str,
    /// The program that made it.
    pub origin: String,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<String>,
    /// The name and size in bytes of each file.
    pub files: Vec<(String, usize)>,
    /// The number of features.
    pub features: usize,
    /// The names of the features, in order; empty if unknown.
    pub feature_names: Vec<String>,
    /// The labels of the classes, in the order of the output.
    pub classes: Vec<Value>,
    /// The number of training samples per class; empty if unknown.
    pub class_counts: Vec<usize>,
    /// Mean log-loss on held-out samples.
    pub log_loss: Option<f64>,
    /// The log-loss of always predicting the shares of the classes.
    pub log_loss_of_shares: Option<f64>,
    /// The decisions of the learner, in sentences.
    pub decisions: Vec<String>,
    /// The features with the largest shares in the model.
    pub top_features: Vec<TopFeature>,
    /// A summary of the ONNX file.
    pub graph: Option<Summary>,
}

impl ModelReport {
    /// Describes the files of a model.
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
        match import(files).and_then(|bytes| ModelMetadata::read(&bytes)) {
            Ok(metadata) => report.with_metadata(metadata),
            Err(error) => {
                let origin = match error {
                    ModelError::TensorFlow1 => TENSORFLOW1.to_owned(),
                    ModelError::NoOnnx | ModelError::Unknown => "unknown".to_owned(),
                    _ => report.origin,
                };
                let problem = Some(format!("It cannot be used: {error}."));
                let report = Self { origin, problem, ..report };
                // The metadata of a model that cannot be run may still be readable.
                match own {
                    Some(metadata) => report.with_metadata(metadata),
                    None => report,
                }
            }
        }
    }

    fn with_metadata(self, metadata: ModelMetadata) -> Self {
        Self {
            features: metadata.features.len(),
            feature_names: if metadata.named { metadata.features } else { Vec::new() },
            classes: metadata.classes.iter().copied().map(label).collect(),
            log_loss: metadata.log_loss,
            log_loss_of_shares: (!metadata.class_counts.is_empty())
                .then(|| log_loss_of_shares(&metadata.class_counts)),
            class_counts: metadata.class_counts,
            decisions: metadata.decisions,
            top_features: metadata.top_features,
            ..self
        }
    }
}
