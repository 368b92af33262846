//! `model.json`: the names of features and classes, which the ONNX file of another tool lacks.
//!
//! Owns its keys and their limits. Must not know the ONNX file.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::dataset::Class;
use crate::model::error::ModelError;
use crate::model::limits::{MAX_CLASSES, MAX_FEATURES, list_up_to};
use crate::text::Untrusted;

/// The content of `model.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelJson {
    /// The features in the order of the input's columns: their names, or only their number.
    pub features: FeatureList,
    /// Moodle's labels in the order of the output's columns.
    #[serde(deserialize_with = "list_up_to::<_, _, MAX_CLASSES>")]
    pub classes: Vec<Class>,
    /// The output that holds the probabilities or logits; found by trying when absent.
    #[serde(default)]
    pub output: Output,
    /// The replacement of empty cells; found by trying when absent.
    #[serde(default)]
    pub missing: Option<Missing>,
    /// A text about the model.
    #[serde(default)]
    pub description: String,
}

/// The features, by name or by number.
#[derive(Debug)]
pub(crate) enum FeatureList {
    Count(usize),
    Names(Vec<String>),
}

/// Written by hand: the derived code for an untagged enum would buffer all of a long list before it checks it.
impl<'de> Deserialize<'de> for FeatureList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FeatureListVisitor)
    }
}

struct FeatureListVisitor;

impl<'de> Visitor<'de> for FeatureListVisitor {
    type Value = FeatureList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names of the features or their number")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<FeatureList, E> {
        Ok(FeatureList::Count(usize::try_from(count).unwrap_or(usize::MAX)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<FeatureList, A::Error> {
        list_up_to::<_, _, MAX_FEATURES>(SeqAccessDeserializer::new(names)).map(FeatureList::Names)
    }
}

/// The output that holds the probabilities or logits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub name: Option<String>,
    pub gives: Option<Gives>,
}

/// The content of an output.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gives {
    Probabilities,
    Logits,
}

/// The replacement of a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Missing {
    Number(f32),
    Word(Word),
}

/// The one word that is accepted instead of a number.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    Nan,
}

impl ModelJson {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let wrong = |why: String| ModelError::ModelJson(why);
        let model_json: Self = serde_json::from_slice(bytes).map_err(ModelError::ModelJsonSyntax)?;
        if !(1..=MAX_FEATURES).contains(&model_json.width()) {
            return Err(wrong(format!("there must be 1 to {MAX_FEATURES} features")));
        }
        if let FeatureList::Names(names) = &model_json.features {
            let mut seen = std::collections::HashSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                let twice = Untrusted(twice).quoted(100);
                return Err(wrong(format!("the feature {twice} is named twice")));
            }
        }
        if !(2..=MAX_CLASSES).contains(&model_json.classes.len()) {
            return Err(wrong(format!("there must be 2 to {MAX_CLASSES} classes")));
        }
        if Class::are_repeated(&model_json.classes) {
            return Err(wrong("a class is named twice".to_owned()));
        }
        if matches!(model_json.missing, Some(Missing::Number(number)) if !number.is_finite()) {
            return Err(wrong("missing must be a finite number".to_owned()));
        }
        Ok(model_json)
    }

    pub(crate) fn width(&self) -> usize {
        match &self.features {
            FeatureList::Count(count) => *count,
            FeatureList::Names(names) => names.len(),
        }
    }

    /// The names of the features, and whether they are Moodle's.
    pub(crate) fn features(&self) -> (Vec<String>, bool) {
        match &self.features {
            FeatureList::Names(names) => (names.clone(), true),
            FeatureList::Count(count) => ((1..=*count).map(|at| format!("feature_{at}")).collect(), false),
        }
    }
}
