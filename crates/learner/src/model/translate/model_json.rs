//! `model.json`: the names of features and classes, which the ONNX file of another tool lacks.
//!
//! Owns its keys and their limits. Must not know the ONNX file, nor the sentences about malformed JSON, which are in
//! [`super::model_json_error`].

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::model_json_error::explained;
use crate::dataset::Class;
use crate::model::error::ModelError;
use crate::model::limits::{MAX_CLASSES, MAX_FEATURES};
use crate::text::Untrusted;

/// Longer names are cut in messages.
const MAX_NAME_CHARS: usize = 80;

/// The content of `model.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelJson {
    /// The features in the order of the input's columns: their names, or only their number.
    pub features: FeatureList,
    /// Moodle's labels in the order of the output's columns.
    #[serde(deserialize_with = "classes")]
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

// The types below are read by hand: serde's errors of derived code have no position, or buffer a long list.

impl<'de> Deserialize<'de> for FeatureList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FeatureListVisitor)
    }
}

struct FeatureListVisitor;

impl FeatureListVisitor {
    fn check_count<E: Error>(count: usize) -> Result<(), E> {
        if (1..=MAX_FEATURES).contains(&count) {
            return Ok(());
        }
        Err(E::custom(format_args!("there must be 1 to {MAX_FEATURES} features")))
    }
}

impl<'de> Visitor<'de> for FeatureListVisitor {
    type Value = FeatureList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Moodle's names of the features, or their number")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<FeatureList, E> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Self::check_count(count).map(|()| FeatureList::Count(count))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<FeatureList, A::Error> {
        let mut names: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(name) = elements.next_element::<String>()? {
            Self::check_count(names.len() + 1)?;
            let shown = || Untrusted(&name).quoted(MAX_NAME_CHARS);
            if name.chars().any(char::is_control) {
                // A backslash before b, f, n, r or t is a valid escape.
                return Err(A::Error::custom(format_args!(
                    "the feature {} has a control character in its name: write each backslash twice",
                    shown()
                )));
            }
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("the feature {} is named twice", shown())));
            }
            names.push(name);
        }
        Self::check_count(names.len()).map(|()| FeatureList::Names(names))
    }
}

fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Class>, D::Error> {
    deserializer.deserialize_seq(ClassListVisitor)
}

struct ClassListVisitor;

impl<'de> Visitor<'de> for ClassListVisitor {
    type Value = Vec<Class>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Moodle's labels, such as [0, 1]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Class>, A::Error> {
        let mut classes = Vec::new();
        while let Some(Label(class)) = elements.next_element()? {
            classes.push(class);
            if classes.len() > MAX_CLASSES {
                break;
            }
        }
        if !(2..=MAX_CLASSES).contains(&classes.len()) {
            return Err(A::Error::custom(format_args!("there must be 2 to {MAX_CLASSES} classes")));
        }
        if Class::are_repeated(&classes) {
            return Err(A::Error::custom("a class is named twice"));
        }
        Ok(classes)
    }
}

struct Label(Class);

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label of Moodle, which is a number without quotes, such as those in [0, 1]")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Label, E> {
        Class::try_from(number).map(Label).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Label, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Label, E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Label, E> {
        let text = Untrusted(text).quoted(MAX_NAME_CHARS);
        Err(E::custom(format_args!(
            "the class {text} is a text; classes are Moodle's labels, numbers without quotes, such as [0, 1]"
        )))
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Missing {
    Number(f32),
    Nan,
}

impl<'de> Deserialize<'de> for Missing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MissingVisitor)
    }
}

struct MissingVisitor;

impl Visitor<'_> for MissingVisitor {
    type Value = Missing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"nan\" or a number, the value for empty cells")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Missing, E> {
        let number = number as f32;
        if number.is_finite() {
            return Ok(Missing::Number(number));
        }
        Err(E::custom("missing must be a finite number"))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Missing, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Missing, E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Missing, E> {
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Missing::Nan);
        }
        let text = Untrusted(text).quoted(MAX_NAME_CHARS);
        Err(E::custom(format_args!(
            "missing is the value for empty cells: \"nan\", or one number such as 0; {text} is neither"
        )))
    }
}

/// The bytes of a JSON file without the byte order mark that some editors write.
#[must_use]
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

impl ModelJson {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let bytes = without_bom(bytes);
        serde_json::from_slice(bytes).map_err(|error| ModelError::ModelJson(explained(bytes, &error)))
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
