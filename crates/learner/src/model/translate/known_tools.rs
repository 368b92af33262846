//! What is known about exporters and libraries beyond the ONNX operators: faults that can be seen in a graph, and reasons
//! of a refusal in the words of the library.
//!
//! Owns these sentences. Must not know how operators are translated. models/README.md lists the faults that cannot be seen.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto};

use crate::model::error::ModelError;
use crate::model::summary::producer;

/// Sentences about a model that its importer should know.
pub(crate) fn remarks(proto: &ModelProto, graph: &GraphProto) -> Vec<String> {
    let made_by: HashMap<&str, &NodeProto> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(move |name| (name.as_str(), node)))
        .collect();
    let any = |test: &dyn Fn(&NodeProto) -> bool| graph.node.iter().any(test);
    let is_of_skl2onnx = producer(proto).to_ascii_lowercase().contains("skl2onnx");
    let found = [
        (
            any(&|node| {
                node.op_type == "OneHotEncoder" && attribute(node, "zeros").is_some_and(|zeros| zeros.i == 0)
            }),
            "A category that its OneHotEncoder does not know counts as none of the known ones.",
        ),
        (
            is_of_skl2onnx && any(&is_softmax_of_mirrored_scores),
            "Warning: if this is a LinearDiscriminantAnalysis of two classes, skl2onnx writes other probabilities than \
             the library's; use LogisticRegression instead.",
        ),
        (
            any(&|node| {
                is_of_trees(node) && node.input.first().is_some_and(|name| is_scaled(name, &made_by))
            }),
            "Warning: trees behind a scaler compare values that were rounded to single precision, so some samples may \
             take other branches than in the library; trees need no scaler.",
        ),
        (
            any(&is_one_against_all),
            "Warning: the trees are one model for each class (LightGBM's multiclassova), whose exported outputs do not \
             sum to 1; compare the probabilities with the library's.",
        ),
    ];
    found.into_iter().filter(|(applies, _)| *applies).map(|(_, sentence)| sentence.to_owned()).collect()
}

/// A refusal with the name of the library's part that the exporter wrote in this way, if it is known.
pub(crate) fn explained(graph: &GraphProto, error: ModelError) -> ModelError {
    let ModelError::Refused(why) = error else { return error };
    let has = |name: &str| graph.initializer.iter().any(|tensor| tensor.name.starts_with(name));
    let node = |name: &str| graph.node.iter().any(|node| node.op_type == name);
    let what = if has("quantiles") && has("references") {
        "QuantileTransformer cannot be imported; use PowerTransformer, StandardScaler or KBinsDiscretizer"
    } else if node("Scan") || node("CDist") {
        "models that compare samples with the training data (KNeighborsClassifier) cannot be imported"
    } else if node("SVMClassifier") {
        "SVC cannot be imported; use CalibratedClassifierCV(LinearSVC())"
    } else {
        return ModelError::Refused(why);
    };
    ModelError::Refused(format!("{why}; {what}"))
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn has_transform(node: &NodeProto, transform: &[u8]) -> bool {
    attribute(node, "post_transform").is_some_and(|attribute| attribute.s == transform)
}

/// The softmax of a score and its negative, which for a binary model is the logistic function of twice the score.
fn is_softmax_of_mirrored_scores(node: &NodeProto) -> bool {
    let Some(weights) = attribute(node, "coefficients").map(|attribute| &attribute.floats) else {
        return false;
    };
    let (first, second) = weights.split_at(weights.len() / 2);
    node.op_type == "LinearClassifier"
        && has_transform(node, b"SOFTMAX")
        && classes(node) == 2
        && first.len() == second.len()
        && first.iter().zip(second).all(|(first, second)| first + second == 0.0)
}

fn classes(node: &NodeProto) -> usize {
    let count = |name| attribute(node, name).map_or(0, |labels| labels.ints.len().max(labels.strings.len()));
    ["classlabels_ints", "classlabels_int64s", "classlabels_strings"]
        .map(count)
        .into_iter()
        .max()
        .unwrap_or(0)
}

fn is_of_trees(node: &NodeProto) -> bool {
    node.op_type.starts_with("TreeEnsemble")
}

fn is_scaled(name: &str, made_by: &HashMap<&str, &NodeProto>) -> bool {
    made_by.get(name).is_some_and(|node| node.op_type == "Scaler")
}

fn is_one_against_all(node: &NodeProto) -> bool {
    node.op_type == "TreeEnsembleClassifier" && has_transform(node, b"LOGISTIC") && classes(node) > 2
}
