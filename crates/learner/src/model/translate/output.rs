//! Turns the output of another tool's graph into probabilities and a label.
//!
//! Owns the choice of the output, the conversion of logits, and the replacement of missing values. Must not know
//! operators, nor how the meaning of an output is found out: [`super::interpretation`] does.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

use super::error::{Result, refused};
use super::graph_walk::{needed, translate};
use super::interpretation::{Conversion, Interpreter};
use super::model_json::{Missing, ModelJson};
use super::translator::{Translator, element_type, sizes};
use super::value::{Computed, Dim, elements};
use crate::model::metadata::{FORMAT, ModelMetadata};
use crate::model::output_check::synthetic_samples;
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

/// The outputs that may hold the probabilities, the likeliest first: each is one output, or one for each class.
pub(crate) fn candidates(graph: &GraphProto, model_json: &ModelJson) -> Result<Vec<Vec<String>>> {
    let names: Vec<&String> = graph.output.iter().map(|output| &output.name).take(MAX_OUTPUTS).collect();
    if let Some(name) = &model_json.output.name {
        if !graph.output.iter().any(|output| output.name == *name) {
            return refused(format!(
                "it has no output of the name in model.json; it has {}",
                shown_names(&names)
            ));
        }
        return Ok(vec![vec![name.clone()]]);
    }
    // Converted with zipmap="columns", a model has one output of one column for each class.
    let columns: Vec<&ValueInfoProto> = graph.output.iter().filter(|output| is_column(output)).collect();
    if columns.len() == model_json.classes.len() {
        return Ok(vec![columns.into_iter().map(|output| output.name.clone()).collect()]);
    }
    let likely = |name: &&String| name.to_ascii_lowercase().contains("prob");
    let (mut first, rest): (Vec<&String>, Vec<&String>) = names.into_iter().partition(likely);
    first.extend(rest.into_iter().rev());
    Ok(first.into_iter().map(|name| vec![name.clone()]).collect())
}

/// Whether an output is declared to hold one float for each sample.
fn is_column(output: &ValueInfoProto) -> bool {
    let floats = [DataType::Float, DataType::Float16, DataType::Double].map(|kind| kind as i32);
    element_type(output).is_some_and(|kind| floats.contains(&kind))
        && matches!(sizes(output).as_deref(), Some([_] | [_, Some(1)]))
}

fn shown_names(names: &[&String]) -> String {
    names.iter().map(|name| Untrusted(name).quoted(40)).collect::<Vec<_>>().join(", ")
}

/// A translation of a file whose probabilities are the outputs called `outputs`.
pub(crate) struct Draft<'a> {
    pub proto: &'a ModelProto,
    pub graph: &'a GraphProto,
    pub outputs: &'a [String],
    pub model_json: &'a ModelJson,
    /// Sentences about the model, for its metadata.
    pub remarks: &'a [String],
}

impl Draft<'_> {
    /// The translated model file.
    pub(crate) fn model_file(&self) -> Result<Vec<u8>> {
        let Self { proto, graph, outputs, model_json, .. } = *self;
        if let Some(Missing::Number(number)) = model_json.missing {
            return self.finished(Some(number));
        }
        // A model that handles missing values gets NaN; for one that would calculate with NaN they become zeros, the
        // middle of every indicator.
        let calculates_with_nan = {
            let (translator, outputs) = translate(proto, graph, outputs, model_json.width(), None)?;
            outputs.iter().any(|output| output.may_be_missing) || translator.builder.missing_lost
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
        let Self { proto, graph, outputs, model_json, .. } = *self;
        let needed = needed(graph, outputs)?;
        let gives = model_json.output.gives;
        let interpreter = Interpreter { proto, graph, outputs, needed: &needed, gives };
        let (bytes, columns) = self.build(missing, Conversion::None)?;
        interpreter.check_regressor(columns)?;
        let rows = Model::load(&bytes)?.run_columns(&synthetic_samples(model_json.width()))?;
        match interpreter.conversion(&rows, model_json.classes.len(), columns)? {
            Conversion::None => Ok(bytes),
            conversion => {
                drop(bytes);
                Ok(self.build(missing, conversion)?.0)
            }
        }
    }

    /// The model file, and the number of columns of its outputs.
    fn build(&self, missing: Option<f32>, conversion: Conversion) -> Result<(Vec<u8>, usize)> {
        let Self { proto, graph, outputs, model_json, .. } = *self;
        let (mut translator, outputs) = translate(proto, graph, outputs, model_json.width(), missing)?;
        let classes = model_json.classes.len();
        let (raw, columns) = rows_and_columns(&mut translator, &outputs, classes)?;
        let probabilities = probabilities(&mut translator, raw, columns, conversion)?;
        let mut graph = translator.builder.graph;
        to_onnx::outputs(&mut graph, &probabilities.name, &model_json.classes);

        let (features, named) = model_json.features();
        let made_by = made_by(proto);
        let metadata = ModelMetadata {
            format: FORMAT,
            decisions: self.decisions(&made_by, missing, conversion),
            made_by,
            features,
            named,
            // A dataset may have more indicators than the model uses.
            open_ended: named,
            classes: model_json.classes.clone(),
            ..ModelMetadata::default()
        };
        Ok((to_onnx::file(graph, &metadata), columns))
    }

    fn decisions(&self, made_by: &str, missing: Option<f32>, conversion: Conversion) -> Vec<String> {
        let passed = missing.map_or("missing values".to_owned(), |number| number.to_string());
        let mut decisions = vec![
            format!("This model was made with {made_by} and imported."),
            format!("Empty cells are passed to it as {passed}."),
        ];
        let converted = match conversion {
            Conversion::None => None,
            Conversion::SumToOne => Some("Its probabilities are divided by their sum."),
            Conversion::FromLogits => Some("Its output is converted from logits to probabilities."),
            Conversion::FromScores => Some("Its raw scores are converted to probabilities."),
        };
        decisions.extend(converted.map(str::to_owned));
        decisions.extend(self.remarks.iter().cloned());
        if !self.model_json.description.is_empty() {
            decisions.push(Untrusted(&self.model_json.description).line(MAX_DESCRIPTION_CHARS));
        }
        decisions
    }
}

/// The output as rows × columns, or outputs of one column each beside each other, and the number of columns.
fn rows_and_columns(
    translator: &mut Translator,
    outputs: &[Computed],
    classes: usize,
) -> Result<(Computed, usize)> {
    let mut parts = Vec::with_capacity(outputs.len());
    let mut columns = 0;
    for output in outputs {
        let size = elements(&output.shape);
        let by_row = output.shape.iter().find(|dim| dim.size != 1 || dim.batch).is_some_and(|dim| dim.batch);
        let fits = |&size: &usize| match outputs.len() {
            1 => size == classes || (size == 1 && classes == 2),
            _ => size == 1,
        };
        let Some(size) = size.filter(|size| by_row && fits(size) && !output.integers) else {
            return refused(format!(
                "it has no output of {classes} columns, one for each class of model.json"
            ));
        };
        columns += size;
        let rows = Dim { size: 1, batch: true };
        parts.push(translator.builder.reshape(output, vec![rows, Dim::fixed(size)])?);
    }
    Ok((translator.builder.concat(&parts, 1)?, columns))
}

/// The probabilities as rows × classes.
fn probabilities(
    translator: &mut Translator,
    output: Computed,
    columns: usize,
    conversion: Conversion,
) -> Result<Computed> {
    let output = match (conversion, columns) {
        (Conversion::FromLogits, 1) => translator.builder.unary("Sigmoid", &output)?,
        (Conversion::FromLogits, _) => return translator.builder.softmax(&output, 1),
        // The logistic functions of a score and of its negative sum to 1.
        (Conversion::FromScores, _) => return translator.builder.unary("Sigmoid", &output),
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
