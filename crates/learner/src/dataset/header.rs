//! The first two lines of a dataset: keys and values.
//!
//! Owns the keys that are read and the classes of a target. Must not know the lines below.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::{DatasetError, Dimension, quoted};
use super::foreign_format::has_typographic_quotes;
use super::limits::Limits;
use super::target_classes::TargetClasses;

/// The keys and values of a dataset. The server needs `nfeatures` and `targetclasses`; other keys are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The number of feature columns.
    pub nfeatures: usize,
    /// The classes of the target, in the order of the file; at least two, all different.
    pub classes: Vec<Class>,
    /// Whether an empty target is the class 0: PHP writes `false` as an empty cell.
    pub(super) empty_target_is_0: bool,
    /// Moodle's time-splitting method, when given.
    pub time_splitting: Option<String>,
    /// Moodle's target, when given.
    pub target: Option<String>,
}

/// A class of the target: a finite number, as Moodle writes it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Class(f64);

impl TryFrom<f64> for Class {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("a class must be a finite number")
    }
}

impl From<Class> for f64 {
    fn from(class: Class) -> Self {
        class.0
    }
}

impl Class {
    /// A class of this number; `None` when it is not finite.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        // Adding zero turns -0 into 0, so that equal classes have equal labels.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// Whether a target in a file is this class: targets are read in single precision.
    pub(super) fn is(self, target: f32) -> bool {
        (self.0 as f32).total_cmp(&target).is_eq()
    }

    /// Whether two of the classes are equal in the precision that targets are read in.
    pub(crate) fn are_repeated(classes: &[Self]) -> bool {
        let mut seen = std::collections::HashSet::new();
        !classes.iter().all(|class| seen.insert((class.0 as f32).to_bits()))
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Class {
    /// The label as Moodle writes it: `0`, `1`, `-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `[0,1]`, for a message: only the first of many classes, because a label may have hundreds of digits.
pub(super) fn class_list(classes: &[Class]) -> String {
    const SHOWN: usize = 10;
    let more = (classes.len() > SHOWN).then(|| "…".to_owned());
    let labels: Vec<String> = classes.iter().take(SHOWN).map(ToString::to_string).chain(more).collect();
    format!("[{}]", labels.join(","))
}

impl Header {
    /// Parses the fields of the two lines. `line` is the line of the values.
    pub(super) fn parse(
        keys: &csv::ByteRecord,
        values: &csv::ByteRecord,
        line: u64,
        limits: &Limits,
    ) -> Result<Self, DatasetError> {
        let typographic = [keys, values].into_iter().any(|fields| has_typographic_quotes(fields.as_slice()));
        Self::parse_fields(keys, values, line, limits).map_err(|error| {
            let reason = "the file has typographic quotes, which word processors set; Moodle writes straight ones (\")";
            if typographic { DatasetError::Header { line, reason: reason.to_owned() } } else { error }
        })
    }

    fn parse_fields(
        keys: &csv::ByteRecord,
        values: &csv::ByteRecord,
        line: u64,
        limits: &Limits,
    ) -> Result<Self, DatasetError> {
        let wrong = |reason: String| DatasetError::Header { line, reason };
        if keys.len() != values.len() {
            return Err(wrong(format!("{} header values for {} header keys", values.len(), keys.len())));
        }
        let find = |key: &str| {
            keys.iter().position(|field| field.trim_ascii() == key.as_bytes()).map(|at| &values[at])
        };
        let required = |key: &str| {
            find(key).ok_or_else(|| DatasetError::Header {
                line: line.saturating_sub(1).max(1),
                reason: format!(
                    "the header has no key {key}; the first line must name nfeatures and targetclasses"
                ),
            })
        };
        let text = |key: &str| find(key).map(|value| String::from_utf8_lossy(value).into_owned());
        let is_linear = text("targettype").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("linear"));
        if is_linear || (find("targetclasses").is_none() && find("targetmin").is_some()) {
            return Err(wrong(
                "linear targets are not supported (targettype=linear); use a target with classes".to_owned(),
            ));
        }

        let nfeatures = parse_nfeatures(required("nfeatures")?, line, limits)?;
        let targets = parse_classes(required("targetclasses")?, line, limits)?;
        Ok(Self {
            nfeatures,
            classes: targets.classes,
            empty_target_is_0: targets.has_false,
            time_splitting: text("timesplitting"),
            target: text("targetcolumn"),
        })
    }
}

fn parse_nfeatures(raw: &[u8], line: u64, limits: &Limits) -> Result<usize, DatasetError> {
    let nfeatures = std::str::from_utf8(raw).ok().and_then(|text| text.trim().parse::<usize>().ok());
    match nfeatures {
        Some(0) | None => Err(DatasetError::Header {
            line,
            reason: format!("nfeatures must be a whole number of at least 1, got {}", quoted(raw)),
        }),
        Some(n) if n > limits.columns => {
            Err(DatasetError::TooLarge { line, what: Dimension::Features, limit: limits.columns })
        }
        Some(n) => Ok(n),
    }
}

fn parse_classes(raw: &[u8], line: u64, limits: &Limits) -> Result<TargetClasses, DatasetError> {
    let wrong = |why: &str| DatasetError::Header {
        line,
        reason: format!(
            "targetclasses must be a list of numbers such as \"[0,1]\", got {}: {why}",
            quoted(raw)
        ),
    };
    let targets = TargetClasses::parse(raw).map_err(wrong)?;
    let classes = &targets.classes;
    if classes.len() > limits.classes {
        return Err(DatasetError::TooLarge { line, what: Dimension::Classes, limit: limits.classes });
    }
    if classes.len() < 2 {
        return Err(wrong("at least two classes are needed"));
    }
    if Class::are_repeated(classes) { Err(wrong("a class is repeated")) } else { Ok(targets) }
}
