//! What a model file says about itself, kept in the file's `metadata_props`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use super::ModelError;
use super::decode::decode;
use super::limits::{MAX_CLASSES, MAX_FEATURES, at_most, said};
use crate::dataset::Class;

/// The version of this metadata.
pub const FORMAT: u32 = 1;

/// More sentences than a learner has to say.
const MAX_DECISIONS: usize = 1_000;
/// More samples of one class than any site has: a sum of such counts is a number, too.
const MAX_SAMPLES: usize = 1 << 50;

/// What a model file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// Version of these facts, [`FORMAT`] when they were written by this version.
    pub format: u32,
    /// The program that made it.
    pub made_by: String,
    /// The features, in the order of the input's columns.
    #[serde(deserialize_with = "at_most::<_, _, MAX_FEATURES>")]
    pub features: Vec<String>,
    /// Whether `features` are the names that Moodle uses. A model that was made elsewhere may only know how
    /// many there are: its samples are then matched by position.
    #[serde(default = "yes")]
    pub named: bool,
    /// Whether samples may have further features behind these, which the model does not look at: one that
    /// knows the positions of those that it uses need not know how many there are. Only without names.
    #[serde(default)]
    pub open_ended: bool,
    /// The classes, in the order of the output's columns.
    #[serde(deserialize_with = "at_most::<_, _, MAX_CLASSES>")]
    pub classes: Vec<Class>,
    /// How many samples of each class it has learnt from; empty when that is not known.
    #[serde(deserialize_with = "at_most::<_, _, MAX_CLASSES>")]
    pub class_counts: Vec<usize>,
    /// Mean log-loss on held-out samples when it was trained; absent when there were too few.
    pub log_loss: Option<f64>,
    /// What the learner decided, in sentences for an administrator.
    #[serde(deserialize_with = "at_most::<_, _, MAX_DECISIONS>")]
    pub decisions: Vec<String>,
    /// The features that move its answers most, largest first; empty when that is not known.
    #[serde(default, deserialize_with = "at_most::<_, _, MAX_FEATURES>")]
    pub top_features: Vec<TopFeature>,
}

/// A feature and how much it moves a model's answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopFeature {
    /// Its name.
    pub name: String,
    /// Its share of all movement, from 0 to 1.
    pub weight: f64,
}

/// All facts are one JSON value: names may hold any character, and one key is read at once.
const KEY: &str = "moodle_mlbackend";

fn yes() -> bool {
    true
}

impl ModelMetadata {
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
        Self::of(&decode(bytes)?)
    }

    /// Refuses facts that are longer than any learner's, which exports repeat for people.
    pub(super) fn check_brought(&self) -> Result<(), ModelError> {
        const MAX_BYTES: usize = 64 << 10;
        let said: usize = self.decisions.iter().map(String::len).sum();
        if said + self.made_by.len() > MAX_BYTES {
            return Err(ModelError::Metadata("it says too much about how it was made".to_owned()));
        }
        Ok(())
    }

    /// The facts in a decoded model file.
    pub(super) fn of(proto: &ModelProto) -> Result<Self, ModelError> {
        let wrong = |why: &str| ModelError::Metadata(why.to_owned());
        let entries: HashMap<&str, &str> =
            proto.metadata_props.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        let value = entries.get(KEY).ok_or(ModelError::NoDescription)?;
        let facts: Self = serde_json::from_str(value)
            .map_err(|error| ModelError::Metadata(format!("its facts cannot be read ({})", said(&error))))?;
        if facts.format != FORMAT {
            return Err(ModelError::Metadata(format!(
                "its facts have format {}, this program reads format {FORMAT}",
                facts.format
            )));
        }
        if facts.features.is_empty() || facts.classes.len() < 2 {
            return Err(wrong("it has no features or less than two classes"));
        }
        if Class::are_repeated(&facts.classes) {
            return Err(wrong("a class is repeated"));
        }
        let counts = &facts.class_counts;
        let known = counts.len() == facts.classes.len() && counts.iter().all(|&count| count <= MAX_SAMPLES);
        if !known && !counts.is_empty() {
            return Err(wrong("it does not say of each class how many samples it had"));
        }
        Ok(facts)
    }
}
