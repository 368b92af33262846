//! `model.json`: what the ONNX file of another tool does not say.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::dataset::Class;
use crate::model::ModelError;
use crate::model::limits::{MAX_CLASSES, MAX_FEATURES, at_most, said};

/// What `model.json` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// The features in the order of the input's columns: their names, or only how many there are.
    pub features: FeatureList,
    /// Moodle's labels in the order of the output's columns.
    #[serde(deserialize_with = "at_most::<_, _, MAX_CLASSES>")]
    pub classes: Vec<Class>,
    /// Which output holds the answer, and what it gives; found out when absent.
    #[serde(default)]
    pub output: Output,
    /// What the model gets where a cell is empty; found out when absent.
    #[serde(default)]
    pub missing: Option<Missing>,
    /// Whatever people want to say about the model.
    #[serde(default, rename = "description")]
    pub about: String,
}

/// The features, by name or by number.
#[derive(Debug)]
pub(crate) enum FeatureList {
    Count(usize),
    Names(Vec<String>),
}

/// By hand: what serde makes for an enum without tags would hold all of a long list before it looks at it.
impl<'de> Deserialize<'de> for FeatureList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FeatureListVisitor)
    }
}

struct FeatureListVisitor;

impl<'de> Visitor<'de> for FeatureListVisitor {
    type Value = FeatureList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the features' names or how many there are")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<FeatureList, E> {
        Ok(FeatureList::Count(usize::try_from(count).unwrap_or(usize::MAX)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<FeatureList, A::Error> {
        at_most::<_, _, MAX_FEATURES>(SeqAccessDeserializer::new(names)).map(FeatureList::Names)
    }
}

/// Which output holds the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    pub name: Option<String>,
    pub gives: Option<Gives>,
}

/// What an output holds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gives {
    Probabilities,
    Logits,
}

/// What stands for a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Missing {
    Number(f32),
    Word(Word),
}

/// The one word that may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    Nan,
}

impl Description {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let wrong = |why: String| ModelError::Description(why);
        let this: Self = serde_json::from_slice(bytes).map_err(|error| wrong(said(&error)))?;
        if !(1..=MAX_FEATURES).contains(&this.width()) {
            return Err(wrong(format!("there must be 1 to {MAX_FEATURES} features")));
        }
        if let FeatureList::Names(names) = &this.features {
            let mut seen = std::collections::HashSet::new();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                let twice: String = twice.chars().filter(|c| !c.is_control()).take(100).collect();
                return Err(wrong(format!("the feature {twice} is named twice")));
            }
        }
        if !(2..=MAX_CLASSES).contains(&this.classes.len()) {
            return Err(wrong(format!("there must be 2 to {MAX_CLASSES} classes")));
        }
        if Class::are_repeated(&this.classes) {
            return Err(wrong("a class is named twice".to_owned()));
        }
        if matches!(this.missing, Some(Missing::Number(number)) if !number.is_finite()) {
            return Err(wrong("what stands for a missing value must be a finite number".to_owned()));
        }
        Ok(this)
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
