//! Matches the columns of another tool's model to Moodle's indicators by their names, where it names them.
//!
//! Owns where a model keeps such names, and how they are compared. Must not know operators. A model that names its columns
//! is never matched by their order alone, unless both agree.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

use super::error::{Result, refused};
use super::model_json::{FeatureList, ModelJson};
use super::translator::{columns_of, first_size};
use crate::model::limits::MAX_FEATURES;
use crate::text::Untrusted;

/// Longer names are cut in messages.
const MAX_NAME_CHARS: usize = 80;
/// The maximum size of a list of names in the metadata, in bytes.
const MAX_LIST_BYTES: usize = 4 << 20;

/// Names of more words are only compared as a whole.
const MAX_WORDS: usize = 16;

/// Parts of every indicator's name, which exporters and people leave out.
const COMMON_WORDS: [&str; 2] = ["analytics", "indicator"];

/// Puts the features of `model_json` into the order of the model's columns if the model names them. Features that it does
/// not use are left out. Returns a sentence about it when something changed.
///
/// # Errors
/// [`ModelError`](super::ModelError) when some columns are named as features and others are not, and when the graph has
/// inputs that are no columns.
pub(crate) fn match_by_names(
    proto: &ModelProto,
    graph: &GraphProto,
    model_json: &mut ModelJson,
) -> Result<Option<String>> {
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|input| !constants.contains(input.name.as_str())).collect();
    check_inputs(&inputs)?;
    let columns = match inputs.as_slice() {
        [] => return Ok(None),
        [input] => names_in_metadata(proto, columns_of(input)?, model_json),
        several => names_of_inputs(several)?,
    };
    if columns.is_empty() {
        return Ok(None);
    }
    let features = match &model_json.features {
        FeatureList::Names(features) => features,
        FeatureList::Count(count) => {
            if *count == columns.len() && columns.iter().all(|name| is_moodles(name)) {
                model_json.features = FeatureList::Names(columns);
                return Ok(Some("Its features are those that its inputs are named as.".to_owned()));
            }
            return Ok(None);
        }
    };
    let names = Names::of(features);
    let matched: Vec<Option<usize>> = columns.iter().map(|name| names.feature_of(name)).collect();
    if matched.iter().all(Option::is_none) {
        return match columns.iter().find(|name| is_moodles(name)) {
            Some(name) => refused(unknown(name)),
            None if inputs.len() > 1 => {
                Ok(Some("Its inputs are matched to the features by their order.".to_owned()))
            }
            None => Ok(None),
        };
    }
    let agrees = columns.len() == features.len()
        && matched.iter().enumerate().all(|(at, feature)| feature.is_none_or(|feature| feature == at));
    if agrees {
        return Ok(None);
    }
    let mut used = Vec::with_capacity(columns.len());
    let mut seen = HashSet::new();
    for (name, feature) in columns.iter().zip(matched) {
        match feature {
            Some(feature) if seen.insert(feature) => used.push(feature),
            Some(_) => return refused(format!("two of its inputs are named as the feature {}", shown(name))),
            None => return refused(unknown(name)),
        }
    }
    let all = features.len();
    let names = used.into_iter().map(|at| features[at].clone()).collect::<Vec<_>>();
    let unused = all - names.len();
    model_json.features = FeatureList::Names(names);
    let unused =
        if unused == 0 { String::new() } else { format!(" It does not use {unused} of the {all} features.") };
    Ok(Some(format!("Its inputs are matched to the features by their names.{unused}")))
}

fn unknown(name: &str) -> String {
    if name.is_empty() {
        return "some of its inputs are named as features, in another order than in model.json, but others have several \
                columns without names; write the features in the order of the inputs"
            .to_owned();
    }
    format!(
        "its input {} is named as none of the features in model.json, or as several of them; write the features with the \
         names of the inputs, or export the model with one input of all columns",
        shown(name)
    )
}

fn shown(name: &str) -> String {
    Untrusted(name).quoted(MAX_NAME_CHARS)
}

/// Refuses inputs that are constants which the exporter left out of the file: they have one row, the others any number.
fn check_inputs(inputs: &[&ValueInfoProto]) -> Result<()> {
    let is_constant = |input: &&&ValueInfoProto| first_size(input) == Some(1);
    let constants: Vec<String> =
        inputs.iter().filter(is_constant).take(4).map(|input| shown(&input.name)).collect();
    if constants.is_empty() || inputs.iter().all(|input| is_constant(&input)) {
        return Ok(());
    }
    refused(format!(
        "its inputs {} are no features but constants that the exporter left out of the file; export the model without \
         such a layer (Keras: Rescaling in place of Normalization, or StandardScaler before the network)",
        constants.join(", ")
    ))
}

/// The names of the columns of several inputs: that of an input of one column, and none for those of other inputs.
fn names_of_inputs(inputs: &[&ValueInfoProto]) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(inputs.len());
    for input in inputs {
        match columns_of(input)? {
            None | Some(1) => names.push(input.name.clone()),
            Some(columns) if columns <= MAX_FEATURES => names.resize(names.len() + columns, String::new()),
            Some(_) => return refused("its inputs have too many columns"),
        }
        if names.len() > MAX_FEATURES {
            return refused("its inputs have too many columns");
        }
    }
    Ok(names)
}

/// The names of the columns of a single input, which some tools and people write into the metadata of the file; empty
/// when there are none that name a feature.
fn names_in_metadata(proto: &ModelProto, columns: Option<usize>, model_json: &ModelJson) -> Vec<String> {
    let FeatureList::Names(features) = &model_json.features else { return Vec::new() };
    let known = Names::of(features);
    let lists = proto.metadata_props.iter().filter_map(|entry| list(&entry.value));
    let mut lists = lists.filter(|names| names.len() == columns.unwrap_or(features.len()));
    lists.find(|names| names.iter().any(|name| known.feature_of(name).is_some())).unwrap_or_default()
}

/// A list of names: as JSON, as Python prints it, or separated by commas, semicolons or line breaks.
fn list(text: &str) -> Option<Vec<String>> {
    if text.len() > MAX_LIST_BYTES {
        return None;
    }
    let json = |text: &str| serde_json::from_str::<Vec<String>>(text).ok();
    json(text).or_else(|| json(&text.replace('\'', "\""))).or_else(|| {
        let separator = ['\n', ';', ','].into_iter().find(|&separator| text.contains(separator))?;
        Some(text.trim().split(separator).map(|name| name.trim().to_owned()).collect())
    })
}

/// Whether a name has the form of an indicator's: `\component\analytics\indicator\name`.
fn is_moodles(name: &str) -> bool {
    name.starts_with('\\') && name.contains("\\indicator\\")
}

/// The features by their names, and by the parts of names with which people and exporters name columns.
struct Names<'a> {
    whole: HashMap<&'a str, usize>,
    /// The ends of names that contain at least the last part; `None` for ends of several names.
    ends: HashMap<String, Option<usize>>,
    /// The last parts of names.
    last_parts: HashMap<String, Option<usize>>,
}

impl<'a> Names<'a> {
    fn of(features: &'a [String]) -> Self {
        let mut names = Self { whole: HashMap::new(), ends: HashMap::new(), last_parts: HashMap::new() };
        let add = |map: &mut HashMap<String, Option<usize>>, key: &[String], at| {
            map.entry(key.join(" ")).and_modify(|found| *found = None).or_insert(Some(at));
        };
        for (at, feature) in features.iter().enumerate() {
            names.whole.insert(feature, at);
            let all = words(feature);
            let last = words(feature.rsplit(['\\', '/']).next().unwrap_or(feature)).len();
            if last == 0 || last > all.len() || all.len() > MAX_WORDS {
                continue;
            }
            add(&mut names.last_parts, &all[all.len() - last..], at);
            for from in 0..=all.len() - last {
                add(&mut names.ends, &all[from..], at);
            }
        }
        names
    }

    /// The only feature that a column is named as: with its whole name, with the end of it, or with more before its last
    /// part. Letters' cases and characters between words do not matter, nor what Keras appends to the name of an input.
    fn feature_of(&self, name: &str) -> Option<usize> {
        if let Some(&at) = self.whole.get(name) {
            return Some(at);
        }
        // Keras appends the number of a tensor.
        let name = match name.rsplit_once(':') {
            Some((before, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => before,
            _ => name,
        };
        let mut column = words(name);
        if column.len() > MAX_WORDS {
            return None;
        }
        while !column.iter().all(|word| is_number(word)) {
            match self.named_by(&column) {
                Named::One(feature) => return Some(feature),
                Named::Several => return None,
                Named::None => {}
            }
            // Keras makes `grade_input`, `grade_1` or `grade_input_1` of the name of a feature.
            column.pop_if(|word| is_number(word) || word == "input")?;
        }
        None
    }

    fn named_by(&self, column: &[String]) -> Named {
        let found = self.ends.get(&column.join(" "));
        // The longest last part: a shorter one may be the end of it.
        let found = found
            .or_else(|| (0..column.len()).find_map(|from| self.last_parts.get(&column[from..].join(" "))));
        match found {
            Some(Some(feature)) => Named::One(*feature),
            Some(None) => Named::Several,
            None => Named::None,
        }
    }
}

/// The features that some words name.
enum Named {
    None,
    One(usize),
    Several,
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Its words; no more than are needed to see that there are too many.
fn words(name: &str) -> Vec<String> {
    name.split(|letter: char| !letter.is_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !COMMON_WORDS.contains(&word.as_str()))
        .take(MAX_WORDS + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIZ: &str = "\\mod_quiz\\analytics\\indicator\\cognitive_depth";
    const FORUM: &str = "\\mod_forum\\analytics\\indicator\\cognitive_depth";
    const ACTIONS: &str = "\\core\\analytics\\indicator\\read_actions";

    fn found(name: &str) -> Option<usize> {
        Names::of(&[QUIZ, FORUM, ACTIONS].map(str::to_owned)).feature_of(name)
    }

    #[test]
    fn a_column_is_named_as_a_feature_with_the_whole_name_or_the_end_of_it() {
        let names = [
            ACTIONS,
            "read_actions",
            "Read Actions",
            "core_analytics_indicator_read_actions",
            "read_actions:0",
        ];
        for name in names.into_iter().chain(["serving_default_read_actions", "core_read_actions"]) {
            assert_eq!(found(name), Some(2), "{name}");
        }
        for name in ["read_actions_input", "read_actions_2", "read_actions_input_1", "Read_Actions_input:0"] {
            assert_eq!(found(name), Some(2), "{name}");
        }
        assert_eq!((found("quiz_cognitive_depth"), found("mod_forum_cognitive_depth")), (Some(0), Some(1)));
    }

    #[test]
    fn a_column_is_not_matched_by_a_part_of_a_word_a_number_or_an_ambiguous_name() {
        for name in ["actions", "depth", "cognitive_depth", "input_1", "0", "x", "", "input"] {
            assert_eq!(found(name), None, "{name}");
        }
    }

    #[test]
    fn lists_of_names_are_read_as_json_as_python_prints_them_and_with_separators() {
        for text in [r#"["\\a", "b"]"#, r"['\\a', 'b']", "\\a, b", "\\a;b", "\\a\nb\n"] {
            assert_eq!(list(text), Some(vec!["\\a".to_owned(), "b".to_owned()]), "{text}");
        }
        assert_eq!(list("text"), None);
    }
}
