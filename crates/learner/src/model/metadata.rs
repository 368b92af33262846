//! The metadata of a model file, kept in its `metadata_props`.
//!
//! Owns the format of the metadata and its limits. Must not know how a model is run.

use serde::{Deserialize, Serialize};
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use super::decode::decode;
use super::error::ModelError;
use super::limits::{MAX_CLASSES, MAX_FEATURES, list_up_to};
use crate::dataset::Class;
use crate::learning::FeatureDistribution;

/// The version of this metadata.
pub const FORMAT: u32 = 1;

/// The maximum number of sentences in `decisions`.
const MAX_DECISIONS: usize = 1_000;
/// The maximum number of samples of one class; low enough that a sum of such counts does not overflow.
const MAX_SAMPLES: usize = 1 << 50;

/// The metadata of a model file. By default nothing is known about the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// The version of this metadata, [`FORMAT`] in files of this release.
    pub format: u32,
    /// The program that made it.
    pub made_by: String,
    /// The features, in the order of the input's columns.
    #[serde(deserialize_with = "list_up_to::<_, _, MAX_FEATURES>")]
    pub features: Vec<String>,
    /// Whether `features` are the names that Moodle uses. For a model of another tool only their number may be
    /// known: its samples are then matched by position.
    #[serde(default = "yes")]
    pub named: bool,
    /// Whether samples may have further features, which the model ignores. With names, they may be anywhere: a model of
    /// another tool may use some of the indicators. Without names, they are behind these: a model of the Python server
    /// knows the positions of its features, but not how many there are.
    #[serde(default)]
    pub open_ended: bool,
    /// The classes, in the order of the output's columns.
    #[serde(deserialize_with = "list_up_to::<_, _, MAX_CLASSES>")]
    pub classes: Vec<Class>,
    /// The number of training samples of each class; empty when it is unknown.
    #[serde(deserialize_with = "list_up_to::<_, _, MAX_CLASSES>")]
    pub class_counts: Vec<usize>,
    /// Mean log-loss on held-out samples when it was trained; absent when there were too few.
    pub log_loss: Option<f64>,
    /// The decisions of the learner, in sentences for an administrator.
    #[serde(deserialize_with = "list_up_to::<_, _, MAX_DECISIONS>")]
    pub decisions: Vec<String>,
    /// The features with the largest shares in the model, largest first; empty when they are unknown.
    #[serde(default, deserialize_with = "list_up_to::<_, _, MAX_FEATURES>")]
    pub top_features: Vec<TopFeature>,
    /// How often each value of the features occurred in training, in few bins, so that drift of other data can be measured; empty
    /// when it is unknown.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "list_up_to::<_, _, MAX_FEATURES>"
    )]
    pub distributions: Vec<FeatureDistribution>,
}

/// A feature and how much it changes a model's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopFeature {
    /// Its name.
    pub name: String,
    /// Its share of all changes, from 0 to 1.
    pub weight: f64,
}

/// All metadata is one JSON value under one key, because names may hold any character.
const KEY: &str = "moodle_mlbackend";

fn unusable<T>(why: impl Into<String>) -> Result<T, ModelError> {
    Err(ModelError::Metadata(why.into()))
}

fn yes() -> bool {
    true
}

impl ModelMetadata {
    /// The entries for a model file.
    pub(super) fn to_metadata(&self) -> Vec<StringStringEntryProto> {
        let value = serde_json::to_string(self).unwrap_or_default();
        vec![StringStringEntryProto { key: KEY.to_owned(), value }]
    }

    /// Reads the metadata of a model file without preparing it to run.
    ///
    /// # Errors
    /// [`ModelError`] when it is no model file of this backend.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::of(&decode(bytes)?)
    }

    /// Refuses texts longer than this backend writes: exports and pages show them.
    pub(super) fn check_imported(&self) -> Result<(), ModelError> {
        const MAX_BYTES: usize = 64 << 10;
        let length: usize = self.decisions.iter().map(String::len).sum();
        if length + self.made_by.len() > MAX_BYTES {
            return unusable("its decisions and made_by are longer than 64 KiB together, a fixed limit");
        }
        Ok(())
    }

    /// The metadata of a decoded model file.
    pub(super) fn of(proto: &ModelProto) -> Result<Self, ModelError> {
        let entry = proto.metadata_props.iter().rfind(|entry| entry.key == KEY);
        let value = &entry.ok_or(ModelError::NoModelJson)?.value;
        let metadata: Self = serde_json::from_str(value).map_err(ModelError::MetadataJson)?;
        if metadata.format != FORMAT {
            let format = metadata.format;
            return unusable(format!("it has format {format}, this release reads format {FORMAT}"));
        }
        if metadata.features.is_empty() || metadata.classes.len() < 2 {
            return unusable("it has no features or less than two classes");
        }
        if Class::are_repeated(&metadata.classes) {
            return unusable("a class is repeated");
        }
        let counts = &metadata.class_counts;
        let known =
            counts.len() == metadata.classes.len() && counts.iter().all(|&count| count <= MAX_SAMPLES);
        if !known && !counts.is_empty() {
            return unusable("class_counts has not one count for each class");
        }
        if !metadata.distributions.iter().all(FeatureDistribution::is_valid) {
            return unusable("the bins of its distributions do not fit their limits");
        }
        Ok(metadata)
    }
}
