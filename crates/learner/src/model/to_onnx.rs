//! Writes a trained model as one ONNX file: raw features in, probabilities out.
//!
//! Owns the names of input and outputs, the version of the file format, and the translation of a trained model.
//! Preprocessing and trees compute as [`crate::learning`] does, constant by constant, in `f32`; the weights of the
//! linear part are rounded to `f32`, which changes a probability by about a millionth. Must not know how models
//! are run.

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, OperatorSetIdProto};

use super::graph::{Graph, ValueName};
use super::metadata::{FORMAT, ModelMetadata, TopFeature};
use super::tree_ensemble;
use super::tree_graph::forest_margins;
use crate::dataset::Class;
use crate::learning::{CLIP, RandomFeatures, Term, TrainedModel};

/// The name of the input: rows × features, raw values, NaN where a value is missing.
pub(super) const INPUT: &str = "features";
/// The name of the output: rows × classes.
pub(super) const PROBABILITIES: &str = "probabilities";
/// The name of the output with each row's most probable class.
const LABEL: &str = "label";

/// ONNX operator set 17 (2022) and its file format: old enough for every runtime in use.
const OPSET: i64 = 17;
/// Operator set 3 of `ai.onnx.ml` (2021), for trees of other tools.
const ML_OPSET: i64 = 3;
const IR_VERSION: i64 = 8;

/// The model as the bytes of an ONNX file.
#[must_use]
pub fn to_onnx(model: &TrainedModel) -> Vec<u8> {
    let top_features = model.top_features().into_iter().map(|(name, weight)| TopFeature { name, weight });
    let metadata = ModelMetadata {
        format: FORMAT,
        made_by: format!("moodle-mlbackend {}", env!("CARGO_PKG_VERSION")),
        features: model.names.clone(),
        named: true,
        open_ended: false,
        classes: model.classes.clone(),
        class_counts: model.class_counts.clone(),
        log_loss: model.log_loss,
        decisions: model.decisions.clone(),
        top_features: top_features.collect(),
        distributions: model.distributions(),
    };
    file(graph_of(model), &metadata)
}

/// A graph and its metadata as the bytes of an ONNX file.
pub(super) fn file(graph: Graph, metadata: &ModelMetadata) -> Vec<u8> {
    let graph = graph.finish();
    let mut opset_import = vec![OperatorSetIdProto { domain: String::new(), version: OPSET }];
    if graph.node.iter().any(|node| node.domain == tree_ensemble::DOMAIN) {
        let domain = tree_ensemble::DOMAIN.to_owned();
        opset_import.push(OperatorSetIdProto { domain, version: ML_OPSET });
    }
    let proto = ModelProto {
        ir_version: IR_VERSION,
        opset_import,
        producer_name: "moodle-mlbackend".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: "A Moodle analytics model: raw indicator values in (NaN where missing), the probability \
                     of each class out."
            .to_owned(),
        graph: Some(graph),
        metadata_props: metadata.to_metadata(),
        ..ModelProto::default()
    };
    proto.encode_to_vec()
}

fn graph_of(model: &TrainedModel) -> Graph {
    let mut graph = Graph::new("moodle_mlbackend");
    let raw = graph.input(INPUT, model.names.len());
    let margins = if model.inputs.is_empty() {
        class_shares(&mut graph, &raw, model)
    } else {
        let prepared = prepare(&mut graph, &raw, model);
        let mut margins = if model.additive.basis.width() == 0 {
            class_shares(&mut graph, &raw, model)
        } else {
            let design = design(&mut graph, &prepared, model);
            linear(&mut graph, &design, model)
        };
        for forest in model.additive.forests.iter().filter(|forest| !forest.trees.is_empty()) {
            let more = forest_margins(&mut graph, &prepared, forest, model.additive.linear.bias.len());
            margins = graph.op("Add", &[&margins, &more]);
        }
        margins
    };
    let margins = if model.classes.len() == 2 {
        // Two margins from one, so that softmax serves any number of classes.
        let sides = graph.floats(&[1, 2], &[-0.5, 0.5]);
        graph.op("Mul", &[&margins, &sides])
    } else {
        margins
    };
    let probabilities = graph.op_with("Softmax", &[&margins], &[("axis", 1)]);
    let probabilities = bounded(&mut graph, &probabilities, model);
    outputs(&mut graph, &probabilities, &model.classes);
    graph
}

/// Probabilities that are as far from 0 and 1 as the number of training samples asks for.
fn bounded(graph: &mut Graph, probabilities: &ValueName, model: &TrainedModel) -> ValueName {
    let min = graph.scalar(model.min_probability() as f32);
    let raised = graph.op("Max", &[probabilities, &min]);
    let axis = graph.integers([1]);
    let sum = graph.op_with("ReduceSum", &[&raised, &axis], &[("keepdims", 1)]);
    graph.op("Div", &[&raised, &sum])
}

/// The outputs of every model: the probabilities, and each row's most probable class.
pub(super) fn outputs(graph: &mut Graph, probabilities: &ValueName, classes: &[Class]) {
    graph.output(PROBABILITIES, probabilities, DataType::Float, Some(classes.len()));
    let best = graph.op_with("ArgMax", &[probabilities], &[("axis", 1), ("keepdims", 0)]);
    let numbers: Vec<f64> = classes.iter().map(|class| class.number()).collect();
    let whole = numbers.iter().all(|number| number.fract() == 0.0 && number.abs() < 1e15);
    let (table, kind) = if whole {
        (graph.integers(numbers.iter().map(|&n| n as i64)), DataType::Int64)
    } else {
        let table = numbers.iter().map(|&n| n as f32).collect::<Vec<_>>();
        (graph.floats(&[table.len()], &table), DataType::Float)
    };
    let label = graph.op_with("Gather", &[&table, &best], &[("axis", 0)]);
    graph.output(LABEL, &label, kind, None);
}

/// The used features, imputed and standardised, and flags of the missing cells.
pub(super) struct Prepared {
    pub standard: ValueName,
    pub missing: ValueName,
    pub inputs: usize,
}

fn prepare(graph: &mut Graph, raw: &ValueName, model: &TrainedModel) -> Prepared {
    let inputs = &model.inputs;
    let used = graph.columns(raw, inputs.iter().map(|input| input.feature));
    let missing = graph.op("IsNaN", &[&used]);
    let means = graph.floats(&[1, inputs.len()], &inputs.iter().map(|input| input.mean).collect::<Vec<_>>());
    let filled = graph.op("Where", &[&missing, &means, &used]);
    let scales: Vec<f32> = inputs.iter().map(|input| input.inverse_scale).collect();
    let scales = graph.floats(&[1, inputs.len()], &scales);
    let centred = graph.op("Sub", &[&filled, &means]);
    let scaled = graph.op("Mul", &[&centred, &scales]);
    let standard = if inputs.iter().all(|input| input.range == (-CLIP, CLIP)) {
        let (low, high) = (graph.scalar(-CLIP), graph.scalar(CLIP));
        graph.op("Clip", &[&scaled, &low, &high])
    } else {
        let lows =
            graph.floats(&[1, inputs.len()], &inputs.iter().map(|input| input.range.0).collect::<Vec<_>>());
        let highs =
            graph.floats(&[1, inputs.len()], &inputs.iter().map(|input| input.range.1).collect::<Vec<_>>());
        let raised = graph.op("Max", &[&scaled, &lows]);
        graph.op("Min", &[&raised, &highs])
    };
    Prepared { standard, missing, inputs: inputs.len() }
}

/// The design matrix: derived columns in the order of the basis.
fn design(graph: &mut Graph, prepared: &Prepared, model: &TrainedModel) -> ValueName {
    let Prepared { standard, missing, .. } = prepared;
    // Runs of terms of one kind become one node each, so the columns keep their order.
    let kind = |term: &Term| std::mem::discriminant(term);
    let mut parts = Vec::new();
    for run in model.additive.basis.terms.chunk_by(|a, b| kind(a) == kind(b)) {
        let which = run.iter().map(|term| term.input());
        parts.push(match run[0] {
            Term::Value { .. } => graph.columns(standard, which),
            Term::Missing { .. } => {
                let flags = graph.op_with("Cast", &[missing], &[("to", DataType::Float as i64)]);
                graph.columns(&flags, which)
            }
            Term::Hinge { .. } => {
                let columns = graph.columns(standard, which);
                let knots: Vec<f32> = run.iter().map(|term| term.knot()).collect();
                let knots = graph.floats(&[1, knots.len()], &knots);
                let above = graph.op("Sub", &[&columns, &knots]);
                graph.op("Relu", &[&above])
            }
        });
    }
    if let Some(random) = &model.additive.basis.random {
        parts.push(random_features(graph, standard, random));
    }
    graph.concat_columns(&parts)
}

fn random_features(graph: &mut Graph, standard: &ValueName, random: &RandomFeatures) -> ValueName {
    let (inputs, columns) = random.weights.dim();
    let weights = graph.floats(&[inputs, columns], &random.weights.iter().copied().collect::<Vec<_>>());
    let sums = graph.op("MatMul", &[standard, &weights]);
    let bias = graph.floats(&[1, columns], &random.bias);
    let sums = graph.op("Add", &[&sums, &bias]);
    let rectified = graph.columns(&sums, 0..random.rectified);
    let rectified = graph.op("Relu", &[&rectified]);
    let waves = graph.columns(&sums, random.rectified..columns);
    let waves = graph.op("Cos", &[&waves]);
    graph.concat_columns(&[rectified, waves])
}

fn linear(graph: &mut Graph, design: &ValueName, model: &TrainedModel) -> ValueName {
    let (columns, margins) = model.additive.linear.weights.dim();
    let weights: Vec<f32> = model.additive.linear.weights.iter().map(|&weight| weight as f32).collect();
    let weights = graph.floats(&[columns, margins], &weights);
    let product = graph.op("MatMul", &[design, &weights]);
    let bias: Vec<f32> = model.additive.linear.bias.iter().map(|&bias| bias as f32).collect();
    let bias = graph.floats(&[1, margins], &bias);
    graph.op("Add", &[&product, &bias])
}

/// The same margins for every row: the bias, which gives the shares of the classes.
fn class_shares(graph: &mut Graph, raw: &ValueName, model: &TrainedModel) -> ValueName {
    let zeros = graph.zeros(raw);
    let bias: Vec<f32> = model.additive.linear.bias.iter().map(|&bias| bias as f32).collect();
    let bias = graph.floats(&[1, bias.len()], &bias);
    graph.op("Add", &[&zeros, &bias])
}
