//! What a model file says about itself, kept in the file's `metadata_props`.

use std::collections::HashMap;

use prost::Message;
use serde::{Deserialize, Serialize};
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use super::ModelError;
use crate::dataset::Class;

/// The version of this metadata.
pub const FORMAT: u32 = 1;

/// What a model file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Version of these facts, [`FORMAT`] when they were written by this version.
    pub format: u32,
    /// The program that made it.
    pub made_by: String,
    /// The features, in the order of the input's columns.
    pub features: Vec<String>,
    /// The classes, in the order of the output's columns.
    pub classes: Vec<Class>,
    /// How many samples of each class it has learnt from.
    pub class_counts: Vec<usize>,
    /// Mean log-loss on held-out samples when it was trained; absent when there were too few.
    pub log_loss: Option<f64>,
    /// What the learner decided, in sentences for an administrator.
    pub decisions: Vec<String>,
}

/// All facts are one JSON value: names may hold any character, and one key is read at once.
const KEY: &str = "moodle_mlbackend";

impl ModelFacts {
    /// The entries for a model file.
    pub(super) fn to_metadata(&self) -> Vec<StringStringEntryProto> {
        let value = serde_json::to_string(self).unwrap_or_default();
        vec![StringStringEntryProto { key: KEY.to_owned(), value }]
    }

    /// Reads the facts of a model file without preparing it to run.
    ///
    /// # Errors
    /// [`ModelError`] when it is no model file of this backend.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let proto = ModelProto::decode(bytes).map_err(|error| ModelError::NotOnnx(error.to_string()))?;
        Self::of(&proto)
    }

    /// The facts in a decoded model file.
    pub(super) fn of(proto: &ModelProto) -> Result<Self, ModelError> {
        let wrong = |why: &str| ModelError::Metadata(why.to_owned());
        let entries: HashMap<&str, &str> =
            proto.metadata_props.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        let value = entries.get(KEY).ok_or_else(|| wrong("it was not made by this backend"))?;
        let facts: Self = serde_json::from_str(value).map_err(|_| wrong("its facts cannot be read"))?;
        if facts.format != FORMAT {
            return Err(ModelError::Metadata(format!(
                "its facts have format {}, this program reads format {FORMAT}",
                facts.format
            )));
        }
        if facts.features.is_empty() || facts.classes.len() < 2 {
            return Err(wrong("it has no features or less than two classes"));
        }
        if facts.classes.iter().enumerate().any(|(at, class)| facts.classes[..at].contains(class)) {
            return Err(wrong("a class is repeated"));
        }
        Ok(facts)
    }
}
