//! Reads a model file of this backend back into the trained model that it was written from: the inverse of
//! [`super::to_onnx`].
//!
//! Owns which graphs are recognised. Any other graph, such as that of another tool, is not, and operators are compared by
//! name alone: the caller compares the predictions of both. Files are of unknown origin, so nothing is taken for granted.
//! Must not know what the model is needed for.

use std::collections::HashMap;

use ndarray::{Array1, Array2};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

use super::metadata::ModelMetadata;
use super::to_onnx::{INPUT, PROBABILITIES};
use super::tree_reader::read_forest;
use crate::learning::{
    AdditiveModel, Basis, Forest, Input, LinearModel, RandomFeatures, Term, TrainedModel, margin_count,
};

/// Deeper nesting of concatenations is not written.
const MAX_NESTING: usize = 4;
/// Stands for the counts of training samples of a file that has no lower bound of probabilities.
const UNBOUNDED: usize = 1 << 50;

/// The trained model of a file that passed all checks; `None` if it is not recognised. Its decisions, its log-loss and the
/// distribution of its inputs are not known.
pub(super) fn from_onnx(proto: &ModelProto, metadata: &ModelMetadata) -> Option<TrainedModel> {
    let reader = Reader::new(proto.graph.as_ref()?);
    let classes = metadata.classes.len();
    let margins = margin_count(classes);
    let bounded = reader.inputs(PROBABILITIES, "Identity")?.first()?;
    let (softmax, is_bounded) = reader.without_bound(bounded)?;
    let mut sum = reader.inputs(softmax, "Softmax")?.first()?;
    if classes == 2 {
        let [margin, sides] = reader.inputs(sum, "Mul")? else { return None };
        if reader.floats(sides)?.1 != [-0.5, 0.5] {
            return None;
        }
        sum = margin;
    }
    let prepared = reader.prepared(metadata.features.len());
    let mut forests = Vec::new();
    let (linear, bias) = loop {
        let [rest, last] = reader.inputs(sum, "Add")? else { return None };
        if let Some((_, bias)) = reader.floats(last) {
            break (rest, bias);
        }
        forests.push(read_forest(&reader, prepared.as_ref()?, last, margins)?);
        sum = rest;
    };
    forests.reverse();
    let (basis, weights) = match reader.inputs(linear, "MatMul") {
        Some([design, weights]) => {
            let basis = reader.basis(prepared.as_ref()?, design)?;
            (basis, reader.matrix(weights)?.mapv(f64::from))
        }
        // The shares of the classes alone.
        _ => (Basis::default(), Array2::zeros((0, margins))),
    };
    if bias.len() != margins || weights.dim() != (basis.width(), margins) {
        return None;
    }
    let bias = bias.into_iter().map(f64::from).collect::<Array1<f64>>();
    let class_counts = if is_bounded { metadata.class_counts.clone() } else { vec![UNBOUNDED; classes] };
    let model = TrainedModel {
        names: metadata.features.clone(),
        classes: metadata.classes.clone(),
        decisions: Vec::new(),
        log_loss: None,
        class_counts,
        inputs: prepared.map_or_else(Vec::new, |prepared| prepared.inputs),
        additive: AdditiveModel { basis, linear: LinearModel { weights, bias }, forests },
    };
    is_consistent(&model).then_some(model)
}

/// Whether all indices exist, so that the model can be used without panics.
fn is_consistent(model: &TrainedModel) -> bool {
    let (inputs, margins) = (model.inputs.len(), model.additive.linear.bias.len());
    let valid_input = |input: &Input| input.feature < model.names.len() && input.range.0 <= input.range.1;
    let valid_forest = |forest: &Forest| {
        forest.trees.iter().all(|tree| {
            tree.margin < margins
                && tree.splits.len() == forest.depth
                && tree.leaves.len() == 1 << forest.depth
                && tree.splits.iter().all(|split| split.input < inputs)
        })
    };
    let basis = &model.additive.basis;
    model.inputs.iter().all(valid_input)
        && basis.terms.iter().all(|term| term.input() < inputs)
        && basis.random.as_ref().is_none_or(|random| random.weights.dim() == (inputs, random.bias.len()))
        && model.additive.forests.iter().all(valid_forest)
}

/// The used features: what `prepare` of [`super::to_onnx`] writes.
pub(super) struct Prepared<'a> {
    pub(super) standard: &'a str,
    pub(super) missing: &'a str,
    pub(super) inputs: Vec<Input>,
}

/// The nodes and constants of a graph by the names of their values.
pub(super) struct Reader<'a> {
    graph: &'a GraphProto,
    nodes: HashMap<&'a str, &'a NodeProto>,
    constants: HashMap<&'a str, &'a TensorProto>,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a GraphProto) -> Self {
        let output = |node: &'a NodeProto| Some((node.output.first()?.as_str(), node));
        Self {
            graph,
            nodes: graph.node.iter().filter_map(output).collect(),
            constants: graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect(),
        }
    }

    /// The inputs of the node that computes `value`, if it is this operator.
    pub(super) fn inputs(&self, value: &str, operator: &str) -> Option<&'a [String]> {
        let node = *self.nodes.get(value)?;
        (node.op_type == operator && node.domain.is_empty()).then_some(node.input.as_slice())
    }

    /// What is gathered along an axis, and the indices.
    pub(super) fn gathered(&self, value: &str, axis: i64) -> Option<(&'a str, Vec<usize>)> {
        let [from, which] = self.inputs(value, "Gather")? else { return None };
        let attribute = self.nodes.get(value)?.attribute.iter().find(|attribute| attribute.name == "axis")?;
        if attribute.i != axis {
            return None;
        }
        Some((from, self.indices(which)?))
    }

    fn indices(&self, name: &str) -> Option<Vec<usize>> {
        let tensor = self.constants.get(name).filter(|tensor| tensor.data_type == DataType::Int64 as i32)?;
        let numbers = tensor.raw_data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes));
        numbers.map(|number| usize::try_from(number).ok()).collect()
    }

    /// The dimensions and values of a constant.
    pub(super) fn floats(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensor = self.constants.get(name).filter(|tensor| tensor.data_type == DataType::Float as i32)?;
        let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let values = tensor.raw_data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        Some((dims?, values.collect()))
    }

    fn matrix(&self, name: &str) -> Option<Array2<f32>> {
        let (dims, values) = self.floats(name)?;
        let [rows, columns] = dims[..] else { return None };
        Array2::from_shape_vec((rows, columns), values).ok()
    }

    /// The softmax below the lower bound of probabilities, and whether there is this bound.
    fn without_bound(&self, value: &'a str) -> Option<(&'a str, bool)> {
        let Some([raised, _]) = self.inputs(value, "Div") else { return Some((value, false)) };
        let [softmax, _] = self.inputs(raised, "Max")? else { return None };
        Some((softmax, true))
    }

    /// The value of the first such operator whose first input is `input`.
    fn user(&self, operator: &str, input: &str) -> Option<&'a NodeProto> {
        let uses = |node: &&NodeProto| {
            node.op_type == operator && node.input.first().is_some_and(|first| first == input)
        };
        self.graph.node.iter().find(uses)
    }

    fn prepared(&self, features: usize) -> Option<Prepared<'a>> {
        let filled = self.graph.node.iter().find(|node| {
            node.op_type == "Where"
                && node.input.len() == 3
                && self.gathered(&node.input[2], 1).is_some_and(|(from, _)| from == INPUT)
        })?;
        let [missing, means, used] = &filled.input[..] else { return None };
        let (_, which) = self.gathered(used, 1)?;
        let centred = self.user("Sub", filled.output.first()?)?;
        let scaled = self.user("Mul", centred.output.first()?)?;
        let (means, scales) = (self.floats(means)?.1, self.floats(scaled.input.get(1)?)?.1);
        let scaled = scaled.output.first()?;
        let (standard, lows, highs) = if let Some(clip) = self.user("Clip", scaled) {
            (clip, self.floats(clip.input.get(1)?)?.1, self.floats(clip.input.get(2)?)?.1)
        } else {
            let raised = self.user("Max", scaled)?;
            let lowered = self.user("Min", raised.output.first()?)?;
            (lowered, self.floats(raised.input.get(1)?)?.1, self.floats(lowered.input.get(1)?)?.1)
        };
        let input = |(at, feature): (usize, usize)| {
            let of = |values: &[f32]| values.get(if values.len() == 1 { 0 } else { at }).copied();
            Some(Input {
                feature: (feature < features).then_some(feature)?,
                mean: *means.get(at)?,
                inverse_scale: *scales.get(at)?,
                range: (of(&lows)?, of(&highs)?),
                levels: Vec::new(),
                missing: 0.0,
            })
        };
        let inputs: Option<Vec<Input>> = which.into_iter().enumerate().map(input).collect();
        Some(Prepared { standard: standard.output.first()?, missing, inputs: inputs? })
    }

    /// The derived columns.
    fn basis(&self, prepared: &Prepared<'_>, design: &'a str) -> Option<Basis> {
        let mut columns = Columns::default();
        self.add_columns(prepared, design, &mut columns, 0)?;
        let Columns { terms, rectified, waves, sums } = columns;
        let random = match sums {
            None => None,
            Some(sums) => {
                let [product, bias] = self.inputs(sums, "Add")? else { return None };
                let [standard, weights] = self.inputs(product, "MatMul")? else { return None };
                let (weights, bias) = (self.matrix(weights)?, self.floats(bias)?.1);
                let all = rectified.iter().chain(&waves).copied().eq(0..bias.len());
                if standard != prepared.standard || !all {
                    return None;
                }
                Some(RandomFeatures { weights, bias, rectified: rectified.len() })
            }
        };
        Some(Basis { terms, random })
    }

    fn add_columns(
        &self,
        prepared: &Prepared<'_>,
        value: &'a str,
        columns: &mut Columns<'a>,
        nesting: usize,
    ) -> Option<()> {
        if let Some(parts) = self.inputs(value, "Concat") {
            let mut parts = parts.iter().take_while(|_| nesting < MAX_NESTING);
            return parts.try_for_each(|part| self.add_columns(prepared, part, columns, nesting + 1));
        }
        if let Some([inner]) = self.inputs(value, "Relu") {
            if let Some([gathered, knots]) = self.inputs(inner, "Sub") {
                let (from, which) = self.gathered(gathered, 1)?;
                let knots = self.floats(knots)?.1;
                let hinges = which.into_iter().zip(knots).map(|(input, knot)| Term::Hinge { input, knot });
                return columns.add_terms(from == prepared.standard, hinges);
            }
            let (sums, which) = self.gathered(inner, 1)?;
            columns.rectified.extend(which);
            return columns.add_sums(sums);
        }
        if let Some([inner]) = self.inputs(value, "Cos") {
            let (sums, which) = self.gathered(inner, 1)?;
            columns.waves.extend(which);
            return columns.add_sums(sums);
        }
        let (from, which) = self.gathered(value, 1)?;
        let which = which.into_iter();
        if from == prepared.standard {
            return columns.add_terms(true, which.map(|input| Term::Value { input }));
        }
        let flags = self.inputs(from, "Cast")?.first()?;
        columns.add_terms(flags == prepared.missing, which.map(|input| Term::Missing { input }))
    }
}

/// The derived columns in their order.
#[derive(Default)]
struct Columns<'a> {
    terms: Vec<Term>,
    rectified: Vec<usize>,
    waves: Vec<usize>,
    /// The sums of the random features.
    sums: Option<&'a str>,
}

impl<'a> Columns<'a> {
    /// Terms come before random features.
    fn add_terms(&mut self, known: bool, terms: impl Iterator<Item = Term>) -> Option<()> {
        self.terms.extend(terms);
        (known && self.sums.is_none()).then_some(())
    }

    fn add_sums(&mut self, sums: &'a str) -> Option<()> {
        (*self.sums.get_or_insert(sums) == sums).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use rstest::rstest;

    use super::*;
    use crate::dataset::{Class, Features, Labelled};
    use crate::learning::train;
    use crate::model::decode::decode;
    use crate::model::to_onnx;

    fn samples(rows: usize, classes: usize, varies: bool) -> Labelled {
        let noise = |row: usize, column: usize| {
            let mixed = ((row * 8 + column) as u32).wrapping_mul(2_654_435_761).rotate_left(13);
            (mixed.wrapping_mul(2_246_822_519) >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let cell = |row: usize, column: usize| match (row + column) % 9 {
            _ if !varies => 1.0,
            0 => f32::NAN,
            _ => noise(row, column),
        };
        let columns: Vec<Vec<f32>> =
            (0..5).map(|column| (0..rows).map(|row| cell(row, column)).collect()).collect();
        let target = |row: usize| {
            let value = f64::from(noise(row, 0) * noise(row, 1) + 0.3 * noise(row, 2)) + 1.0;
            ((value * classes as f64 / 2.0) as usize).min(classes - 1) as u32
        };
        let names = (0..5).map(|column| format!("f{column}")).collect();
        let known = (0..classes).filter_map(|class| Class::new(class as f64)).collect();
        Labelled::new(Features::of_columns(names, &columns), (0..rows).map(target).collect(), known)
    }

    /// The graph of a file, without its metadata.
    fn graph(onnx: &[u8]) -> Vec<u8> {
        decode(onnx).expect("a file").graph.expect("a graph").encode_to_vec()
    }

    #[rstest]
    #[case::of_few_samples(40, 2, true)]
    #[case::of_random_combinations(300, 2, true)]
    #[case::of_trees(2_400, 2, true)]
    #[case::of_three_classes(900, 3, true)]
    #[case::of_trees_that_share_their_splits(3_600, 9, true)]
    #[case::without_features(30, 2, false)]
    fn a_written_model_is_read_back(#[case] rows: usize, #[case] classes: usize, #[case] varies: bool) {
        let trained = train(&samples(rows, classes, varies)).expect("each class has samples");
        let onnx = to_onnx(&trained);
        let proto = decode(&onnx).expect("a file");
        let read = from_onnx(&proto, &ModelMetadata::of(&proto).expect("metadata")).expect("recognised");
        assert_eq!(graph(&to_onnx(&read)), graph(&onnx));
        assert_eq!(read.additive.forests, trained.additive.forests);
    }

    #[test]
    fn other_graphs_are_not_recognised() {
        let onnx = to_onnx(&train(&samples(300, 2, true)).expect("each class has samples"));
        let proto = decode(&onnx).expect("a file");
        let metadata = ModelMetadata::of(&proto).expect("metadata");
        let nodes = proto.graph.as_ref().expect("a graph").node.len();
        let mut recognised = 0;
        for at in 0..nodes {
            let mut changed = proto.clone();
            "Tanh".clone_into(&mut changed.graph.as_mut().expect("a graph").node[at].op_type);
            recognised += usize::from(from_onnx(&changed, &metadata).is_some());
        }
        // The output of labels, the sum of probabilities and the flags of missing values are not looked at.
        assert!(recognised <= 5, "{recognised} of {nodes}");
    }
}
