//! What the output of another tool's model means: probabilities, logits, raw scores, or nothing that a classifier gives.
//!
//! Owns the decision, from the graph and from the output for synthetic samples. Must not know how an output is converted.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

use super::error::{Result, refused};
use super::model_json::Gives;
use super::translator::element_type;
use crate::model::output_check::{are_probabilities, are_within_0_and_1, is_beyond_indicators};
use crate::model::summary::producer;

/// How an output is converted to probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Conversion {
    None,
    SumToOne,
    FromLogits,
    /// The logistic function of the second of two raw scores, of which the first is the negative.
    FromScores,
}

/// The relative tolerance for two numbers that are calculated separately.
const ROUNDING: f32 = 1e-4;

/// Operators after which numbers are probabilities, or which give classes.
const OF_CLASSIFIERS: [&str; 9] = [
    "Sigmoid",
    "HardSigmoid",
    "Softmax",
    "LogSoftmax",
    "Erf",
    "LinearClassifier",
    "SVMClassifier",
    "TreeEnsembleClassifier",
    "Normalizer",
];

/// What is known about an output besides its values.
pub(crate) struct Interpreter<'a> {
    pub proto: &'a ModelProto,
    pub graph: &'a GraphProto,
    /// The outputs that are used, and the nodes that they depend on.
    pub outputs: &'a [String],
    pub needed: &'a HashSet<usize>,
    pub gives: Option<Gives>,
}

impl Interpreter<'_> {
    /// Refuses the output of a regressor, whose numbers are no probabilities even if they are within 0 and 1.
    pub(crate) fn check_regressor(&self, columns: usize) -> Result<()> {
        if self.gives.is_some() || (columns > 1 && self.has_label()) {
            return Ok(());
        }
        if matches!(self.last_operator(), Some("Tanh" | "Softsign")) {
            return refused(
                "its output ends with a function of values from -1 to 1, which are no probabilities; end it with a sigmoid \
                 or a softmax, or declare \"output\": {\"gives\": \"logits\"} in model.json if they are logits",
            );
        }
        let Some(name) = self.regressor() else { return Ok(()) };
        refused(format!(
            "it is a regressor ({name}): it gives a number, not the probability of each class; train and export a \
             classifier. If the number is a probability of the second class, declare \"output\": {{\"gives\": \
             \"probabilities\"}} in model.json"
        ))
    }

    fn regressor(&self) -> Option<&str> {
        let nodes: Vec<&NodeProto> = self.needed.iter().filter_map(|&at| self.graph.node.get(at)).collect();
        let plain = |node: &NodeProto| {
            let transform = node.attribute.iter().find(|attribute| attribute.name == "post_transform");
            transform.is_none_or(|attribute| attribute.s.is_empty() || attribute.s == b"NONE")
        };
        if nodes.iter().any(|node| OF_CLASSIFIERS.contains(&node.op_type.as_str())) {
            return None;
        }
        let mut regressors: Vec<&str> = nodes
            .iter()
            .filter(|node| node.op_type.ends_with("Regressor"))
            .map(|node| node.op_type.as_str())
            .collect();
        if !nodes.iter().all(|node| plain(node)) {
            return None;
        }
        regressors.sort_unstable();
        // The name that skl2onnx and onnxmltools give to the only output of a regressor.
        let named = matches!(self.outputs, [name] if name.starts_with("variable"));
        let alone = self.graph.output.len() == 1 && self.is_of_onnxmltools();
        let clipped = matches!(self.last_operator(), Some("Clip" | "Min" | "Max"));
        let clipped = clipped.then_some("its output is a number that is cut to a range");
        regressors
            .first()
            .copied()
            .or(clipped)
            .or((named && alone).then_some("its output is called variable"))
    }

    /// The operator that computes the only output, before a few that only move or convert it.
    fn last_operator(&self) -> Option<&str> {
        const MAX_MOVES: usize = 8;
        let [output] = self.outputs else { return None };
        let mut name = output;
        for _ in 0..MAX_MOVES {
            let node = self.graph.node.iter().find(|node| node.output.contains(name))?;
            match node.op_type.as_str() {
                "Identity" | "Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten" => {
                    name = node.input.first()?;
                }
                op => return Some(op),
            }
        }
        None
    }

    fn is_of_onnxmltools(&self) -> bool {
        let producer = producer(self.proto).to_ascii_lowercase();
        ["skl2onnx", "onnxmltools", "sklearn-onnx"].iter().any(|tool| producer.contains(tool))
    }

    /// Whether the model also gives a class.
    fn has_label(&self) -> bool {
        let of_labels = [DataType::Int64, DataType::Int32, DataType::String].map(|kind| kind as i32);
        let is_label =
            |output: &&ValueInfoProto| element_type(output).is_some_and(|kind| of_labels.contains(&kind));
        self.graph.output.iter().any(|output| is_label(&output))
    }

    /// Whether raw scores are those of scikit-learn's decision functions.
    fn has_decision_function(&self) -> bool {
        self.has_label()
            || self.is_of_onnxmltools()
            || self.graph.node.iter().any(|node| node.domain == "ai.onnx.ml")
    }

    /// How rows of the output for synthetic samples become probabilities. A single column is that of the second class,
    /// and the first is one minus it.
    pub(crate) fn conversion(&self, rows: &[f32], classes: usize, columns: usize) -> Result<Conversion> {
        let mirrored = columns == 2 && are_mirrored(rows);
        match self.gives {
            Some(Gives::Logits) if mirrored && self.has_decision_function() => {
                return Ok(Conversion::FromScores);
            }
            Some(Gives::Logits) => return Ok(Conversion::FromLogits),
            _ if are_probabilities(rows, classes) => return Ok(Conversion::None),
            Some(Gives::Probabilities) if are_within_0_and_1(rows) => return Ok(Conversion::SumToOne),
            Some(Gives::Probabilities) => {
                return refused(
                    "its output is not within 0 and 1, although model.json declares probabilities; declare \"logits\" \
                     if they are",
                );
            }
            None if self.outputs.len() > 1 => {
                return refused("its outputs of one column each are not probabilities that sum to 1");
            }
            None if are_within_0_and_1(rows) => {
                return refused(
                    "its output is within 0 and 1 but does not sum to 1; declare in model.json whether it gives \
                     \"probabilities\" or \"logits\"",
                );
            }
            None => {}
        }
        if columns == 1 {
            return if have_one_sign(rows.chunks_exact(2).map(|row| &row[1..])) {
                no_classifier()
            } else {
                Ok(Conversion::FromLogits)
            };
        }
        if mirrored {
            if self.has_decision_function() {
                return Ok(Conversion::FromScores);
            }
            return refused(
                "its two outputs are a raw score and its negative; export probabilities, or declare \"output\": \
                 {\"gives\": \"logits\"} in model.json if their softmax is meant",
            );
        }
        if columns == 2 && rows.chunks_exact(2).all(|row| is_near(row[0] + row[1], 1.0, row)) {
            return refused(
                "its two outputs sum to 1 but are not within 0 and 1; export probabilities, not raw scores",
            );
        }
        let are_logs = rows.chunks_exact(classes).all(|row| {
            let sum: f32 = row.iter().map(|value| value.exp()).sum();
            (sum - 1.0).abs() < 10.0 * ROUNDING
        });
        if have_one_sign(rows.chunks_exact(classes)) && !are_logs {
            return no_classifier();
        }
        if !are_logs && self.are_of_one_against_rest() {
            return refused(
                "its outputs are raw scores of one class against the rest; export probabilities (scikit-learn: without \
                 raw_scores; CalibratedClassifierCV for a model that has none), or declare \"output\": {\"gives\": \
                 \"logits\"} in model.json if their softmax is meant",
            );
        }
        Ok(Conversion::FromLogits)
    }

    /// Whether the output may be scikit-learn's decision functions of one class against the rest, whose softmax is not the
    /// probability. Multinomial models and boosted trees are known.
    fn are_of_one_against_rest(&self) -> bool {
        if !self.is_of_onnxmltools() || !self.has_label() {
            return false;
        }
        let is_multinomial = |node: &NodeProto| {
            node.op_type.starts_with("TreeEnsemble")
                || node.attribute.iter().any(|attribute| attribute.name == "multi_class" && attribute.i == 1)
        };
        let nodes = self.needed.iter().filter_map(|&at| self.graph.node.get(at));
        !nodes.into_iter().any(is_multinomial)
    }
}

fn no_classifier() -> Result<Conversion> {
    refused(
        "its outputs are numbers of one sign, as a regressor, distances or scores give them, not probabilities; export a \
         classifier's probabilities, or declare \"output\": {\"gives\": \"logits\"} in model.json if they are logits",
    )
}

/// Whether the numbers of all samples that Moodle can send have one sign. Beyond their range the line of a regressor of grades
/// crosses zero, too.
fn have_one_sign<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone) -> bool {
    let numbers =
        rows.enumerate().filter(|(row, _)| !is_beyond_indicators(*row)).flat_map(|(_, row)| row.iter());
    numbers.clone().all(|&number| number >= 0.0) || numbers.clone().all(|&number| number <= 0.0)
}

/// Whether one of two numbers is the negative of the other, in each row.
fn are_mirrored(rows: &[f32]) -> bool {
    rows.chunks_exact(2).all(|row| is_near(row[0] + row[1], 0.0, row))
}

/// Whether a sum is as expected, up to the rounding of its parts.
fn is_near(sum: f32, expected: f32, parts: &[f32]) -> bool {
    let size = parts.iter().fold(1.0_f32, |max, part| max.max(part.abs()));
    (sum - expected).abs() <= ROUNDING * size
}
