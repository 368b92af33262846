//! Turns the output of another tool's graph into probabilities and a label.
//!
//! Owns the choice of the output, the conversion of logits, and the replacement of missing values. Must not know
//! operators.

use tract_onnx::pb::{GraphProto, ModelProto};

use super::error::{Result, refused};
use super::graph_walk::translate;
use super::model_json::{Gives, Missing, ModelJson};
use super::translator::Translator;
use super::value::{Computed, Dim, elements};
use crate::model::metadata::{FORMAT, ModelMetadata};
use crate::model::output_check::{are_probabilities, are_within_0_and_1, synthetic_samples};
use crate::model::runner::Model;
use crate::model::summary::producer;
use crate::model::to_onnx;
use crate::text::Untrusted;

/// The maximum number of outputs to try; classifiers have fewer.
const MAX_OUTPUTS: usize = 8;

/// Longer names and versions of a tool are cut.
const MAX_PRODUCER_CHARS: usize = 120;
/// Longer texts of `model.json` are cut.
const MAX_DESCRIPTION_CHARS: usize = 1_000;

/// The outputs that may hold the probabilities, the likeliest first.
pub(crate) fn candidates(graph: &GraphProto, model_json: &ModelJson) -> Result<Vec<String>> {
    let names: Vec<&String> = graph.output.iter().map(|output| &output.name).take(MAX_OUTPUTS).collect();
    if let Some(name) = &model_json.output.name {
        if !graph.output.iter().any(|output| output.name == *name) {
            return refused(format!(
                "it has no output of the name in model.json; it has {}",
                shown_names(&names)
            ));
        }
        return Ok(vec![name.clone()]);
    }
    let likely = |name: &&String| name.to_ascii_lowercase().contains("prob");
    let (mut first, rest): (Vec<&String>, Vec<&String>) = names.into_iter().partition(likely);
    first.extend(rest.into_iter().rev());
    Ok(first.into_iter().cloned().collect())
}

fn shown_names(names: &[&String]) -> String {
    names.iter().map(|name| Untrusted(name).quoted(40)).collect::<Vec<_>>().join(", ")
}

/// How an output is converted to probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Conversion {
    None,
    SumToOne,
    FromLogits,
}

/// A translation of a file whose probabilities are the output called `output`.
pub(crate) struct Draft<'a> {
    pub proto: &'a ModelProto,
    pub graph: &'a GraphProto,
    pub output: &'a str,
    pub model_json: &'a ModelJson,
}

impl Draft<'_> {
    /// The translated model file.
    pub(crate) fn model_file(&self) -> Result<Vec<u8>> {
        let Self { proto, graph, output, model_json } = *self;
        if let Some(Missing::Number(number)) = model_json.missing {
            return self.finished(Some(number));
        }
        // A model that handles missing values gets NaN; for one that would calculate with NaN they become zeros, the
        // middle of every indicator.
        let calculates_with_nan = {
            let (translator, output) = translate(proto, graph, output, model_json.width(), None)?;
            output.may_be_missing || translator.builder.missing_lost
        };
        match (calculates_with_nan, model_json.missing) {
            (false, _) => self.finished(None),
            (true, None) => self.finished(Some(0.0)),
            (true, Some(_)) => refused(
                "it would calculate with missing values; give a number as \"missing\" in model.json instead of \
                 \"nan\"",
            ),
        }
    }

    fn finished(&self, missing: Option<f32>) -> Result<Vec<u8>> {
        let gives = self.model_json.output.gives;
        if gives == Some(Gives::Logits) {
            return self.build(missing, Conversion::FromLogits);
        }
        let bytes = self.build(missing, Conversion::None)?;
        let outputs = Model::load(&bytes)?.run_columns(&synthetic_samples(self.model_json.width()))?;
        let classes = self.model_json.classes.len();
        if are_probabilities(&outputs, classes) {
            return Ok(bytes);
        }
        drop(bytes);
        match (gives, are_within_0_and_1(&outputs)) {
            (Some(_), true) => self.build(missing, Conversion::SumToOne),
            (Some(_), false) => refused(
                "its output is not within 0 and 1, although model.json declares probabilities; declare \
                 \"logits\" if they are",
            ),
            (None, false) => self.build(missing, Conversion::FromLogits),
            (None, true) => refused(
                "its output is within 0 and 1 but does not sum to 1; declare in model.json whether it gives \
                 \"probabilities\" or \"logits\"",
            ),
        }
    }

    fn build(&self, missing: Option<f32>, conversion: Conversion) -> Result<Vec<u8>> {
        let Self { proto, graph, output, model_json } = *self;
        let (mut translator, logits) = translate(proto, graph, output, model_json.width(), missing)?;
        let classes = model_json.classes.len();
        let probabilities = probabilities(&mut translator, &logits, classes, conversion)?;
        let mut graph = translator.builder.graph;
        to_onnx::outputs(&mut graph, &probabilities.name, &model_json.classes);

        let (features, named) = model_json.features();
        let made_by = made_by(proto);
        let metadata = ModelMetadata {
            format: FORMAT,
            decisions: decisions(model_json, &made_by, missing, conversion),
            made_by,
            features,
            named,
            classes: model_json.classes.clone(),
            ..ModelMetadata::default()
        };
        Ok(to_onnx::file(graph, &metadata))
    }
}

/// The probabilities as rows × classes.
fn probabilities(
    translator: &mut Translator,
    output: &Computed,
    classes: usize,
    conversion: Conversion,
) -> Result<Computed> {
    let size = elements(&output.shape);
    let by_row = output.shape.iter().find(|dim| dim.size != 1 || dim.batch).is_some_and(|dim| dim.batch);
    let columns = size.filter(|&size| by_row && (size == classes || (size == 1 && classes == 2)));
    let Some(columns) = columns.filter(|_| !output.integers) else {
        return refused(format!("it has no output of {classes} columns, one for each class of model.json"));
    };
    let rows = Dim { size: 1, batch: true };
    let output = translator.builder.reshape(output, vec![rows, Dim::fixed(columns)])?;
    let output = match (conversion, columns) {
        (Conversion::FromLogits, 1) => translator.builder.unary("Sigmoid", &output)?,
        (Conversion::FromLogits, _) => return translator.builder.softmax(&output, 1),
        _ => output,
    };
    if columns == 1 {
        let one = translator.builder.scalar(1.0)?;
        let other = translator.builder.binary("Sub", &one, &output)?;
        return translator.builder.concat(&[other, output], 1);
    }
    if conversion == Conversion::SumToOne {
        let sum = translator.builder.reduce("ReduceSum", &output, &[1])?;
        return translator.builder.binary("Div", &output, &sum);
    }
    Ok(output)
}

fn made_by(proto: &ModelProto) -> String {
    match producer(proto) {
        unknown if unknown.is_empty() => "another tool".to_owned(),
        producer => Untrusted(&producer).line(MAX_PRODUCER_CHARS),
    }
}

fn decisions(
    model_json: &ModelJson,
    made_by: &str,
    missing: Option<f32>,
    conversion: Conversion,
) -> Vec<String> {
    let passed = missing.map_or("missing values".to_owned(), |number| number.to_string());
    let mut decisions = vec![
        format!("This model was made with {made_by} and imported."),
        format!("Empty cells are passed to it as {passed}."),
    ];
    let converted = match conversion {
        Conversion::None => None,
        Conversion::SumToOne => Some("Its probabilities are divided by their sum."),
        Conversion::FromLogits => Some("Its output is converted from logits to probabilities."),
    };
    decisions.extend(converted.map(str::to_owned));
    if !model_json.description.is_empty() {
        decisions.push(Untrusted(&model_json.description).line(MAX_DESCRIPTION_CHARS));
    }
    decisions
}
