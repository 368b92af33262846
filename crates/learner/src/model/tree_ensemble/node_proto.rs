//! An ensemble as a node of our files: `ai.onnx.ml.TreeEnsembleRegressor`, version 3, with its lists in attributes.
//!
//! Owns the names and the form of these attributes, in both directions. Must not know what the numbers in them mean.

use std::borrow::Cow;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};

use super::ensemble::{Aggregate, MAX_SCORES, Mode, TreeEnsemble, TreeNode, Weight};
use super::lists::Lists;
use crate::model::error::{ModelError, refused};
use crate::model::operators::shapes::{Inputs, Shape};

/// The attributes that the operator may have in our files.
pub(crate) const ATTRIBUTES: &[&str] = &[
    N_TARGETS,
    TREES,
    IDS,
    FEATURES,
    MODES,
    VALUES,
    YES,
    NO,
    MISSING,
    WEIGHT_TREES,
    WEIGHT_IDS,
    WEIGHT_SCORES,
    WEIGHTS,
    BASE,
    AGGREGATE,
];

const N_TARGETS: &str = "n_targets";
const TREES: &str = "nodes_treeids";
const IDS: &str = "nodes_nodeids";
const FEATURES: &str = "nodes_featureids";
const MODES: &str = "nodes_modes";
const VALUES: &str = "nodes_values";
const YES: &str = "nodes_truenodeids";
const NO: &str = "nodes_falsenodeids";
const MISSING: &str = "nodes_missing_value_tracks_true";
const WEIGHT_TREES: &str = "target_treeids";
const WEIGHT_IDS: &str = "target_nodeids";
const WEIGHT_SCORES: &str = "target_ids";
const WEIGHTS: &str = "target_weights";
const BASE: &str = "base_values";
const AGGREGATE: &str = "aggregate_function";

/// The checked ensemble of a node of our files.
///
/// # Errors
/// [`ModelError::Refused`] when its lists do not describe trees.
pub(crate) fn of_node(node: &NodeProto) -> Result<TreeEnsemble, ModelError> {
    let Some(scores) = targets(node) else {
        return refused(format!("it has not 1 to {MAX_SCORES} targets"));
    };
    let aggregate = attribute(node, AGGREGATE).map_or(Some(Aggregate::Sum), |a| aggregate(&a.s));
    let Some(aggregate) = aggregate else { return refused("its aggregate_function is unknown") };
    let lists = Lists {
        trees: ints(node, TREES),
        ids: ints(node, IDS),
        features: ints(node, FEATURES),
        modes: attribute(node, MODES).map_or(&[], |modes| &modes.strings),
        values: Cow::Borrowed(floats(node, VALUES)),
        yes: ints(node, YES),
        no: ints(node, NO),
        missing_yes: ints(node, MISSING),
        weight_trees: ints(node, WEIGHT_TREES),
        weight_ids: ints(node, WEIGHT_IDS),
        weight_scores: Cow::Borrowed(ints(node, WEIGHT_SCORES)),
        weights: Cow::Borrowed(floats(node, WEIGHTS)),
        base: Cow::Borrowed(floats(node, BASE)),
        aggregate,
    };
    lists.read(usize::MAX, scores)
}

/// The shape of the scores: rows × targets; `None` when a branch reads a column that the input does not have.
pub(crate) fn shape(inputs: &Inputs<'_>) -> Option<Shape> {
    let [rows, columns] = inputs.shape(0)?[..] else { return None };
    let branches = attribute(inputs.node, MODES).map_or(&[][..], |modes| &modes.strings);
    let features = branches.iter().zip(ints(inputs.node, FEATURES)).filter(|(mode, _)| *mode != b"LEAF");
    let fit = features.into_iter().all(|(_, &feature)| feature < columns as i64);
    Some(vec![rows, targets(inputs.node).filter(|_| fit)?])
}

/// The maximum number of steps for one row: each tree takes at most as many as it has nodes and weights.
pub(crate) fn steps(node: &NodeProto) -> usize {
    ints(node, TREES).len().saturating_add(ints(node, WEIGHT_IDS).len())
}

fn targets(node: &NodeProto) -> Option<usize> {
    let targets = usize::try_from(attribute(node, N_TARGETS)?.i).ok()?;
    (1..=MAX_SCORES).contains(&targets).then_some(targets)
}

/// The way in which the weights of trees are combined, by its name in version 3 of the operators.
pub(crate) fn aggregate(name: &[u8]) -> Option<Aggregate> {
    Some(match name {
        b"SUM" => Aggregate::Sum,
        b"AVERAGE" => Aggregate::Average,
        b"MIN" => Aggregate::Min,
        b"MAX" => Aggregate::Max,
        _ => return None,
    })
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn ints<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    attribute(node, name).map_or(&[], |attribute| &attribute.ints)
}

fn floats<'a>(node: &'a NodeProto, name: &str) -> &'a [f32] {
    attribute(node, name).map_or(&[], |attribute| &attribute.floats)
}

impl TreeEnsemble {
    /// The attributes of the node that computes this ensemble.
    pub(crate) fn attributes(&self) -> Vec<AttributeProto> {
        let ends = self.roots.iter().skip(1).copied().chain([self.nodes.len() as u32]);
        let trees = self.roots.iter().copied().zip(ends).zip(0_i64..);
        // Each node with the number of its tree and its own in it.
        let numbered: Vec<(i64, i64, &TreeNode)> = trees
            .flat_map(|((root, end), tree)| {
                let nodes = &self.nodes[root as usize..end as usize];
                nodes.iter().zip(0_i64..).map(move |(node, id)| (tree, id, node))
            })
            .collect();
        let roots = &self.roots;
        let of_branches = |number: &dyn Fn(i64, i64, &TreeNode) -> Option<i64>| -> Vec<i64> {
            numbered.iter().map(|&(tree, id, node)| number(tree, id, node).unwrap_or(0)).collect()
        };
        let yes = of_branches(&|tree, _, node| match node {
            TreeNode::Branch { yes, .. } => Some(i64::from(yes - roots[tree as usize])),
            TreeNode::Leaf { .. } => None,
        });
        let no = of_branches(&|_, id, node| matches!(node, TreeNode::Branch { .. }).then_some(id + 1));
        let features = of_branches(&|_, _, node| match node {
            TreeNode::Branch { feature, .. } => Some(i64::from(*feature)),
            TreeNode::Leaf { .. } => None,
        });
        let missing = of_branches(&|_, _, node| match node {
            TreeNode::Branch { missing_yes, .. } => Some(i64::from(*missing_yes)),
            TreeNode::Leaf { .. } => None,
        });
        let values = numbered.iter().map(|(_, _, node)| match node {
            TreeNode::Branch { value, .. } => *value,
            TreeNode::Leaf { .. } => 0.0,
        });
        let mut attributes = vec![
            AttributeProto { i: self.scores() as i64, ..named(N_TARGETS, AttributeType::Int) },
            int_list(TREES, numbered.iter().map(|(tree, ..)| *tree).collect()),
            int_list(IDS, numbered.iter().map(|(_, id, _)| *id).collect()),
            int_list(FEATURES, features),
            AttributeProto {
                strings: numbered.iter().map(|(_, _, node)| mode_name(node).to_vec()).collect(),
                ..named(MODES, AttributeType::Strings)
            },
            float_list(VALUES, values.collect()),
            int_list(YES, yes),
            int_list(NO, no),
        ];
        if missing.contains(&1) {
            attributes.push(int_list(MISSING, missing));
        }
        attributes.extend(self.weight_attributes(&numbered));
        if self.base.iter().any(|&base| base != 0.0) {
            attributes.push(float_list(BASE, self.base.clone()));
        }
        if self.aggregate != Aggregate::Sum {
            let s = aggregate_name(self.aggregate).to_vec();
            attributes.push(AttributeProto { s, ..named(AGGREGATE, AttributeType::String) });
        }
        attributes
    }

    /// The lists of the weights. onnxruntime wants a weight for each leaf.
    fn weight_attributes(&self, numbered: &[(i64, i64, &TreeNode)]) -> [AttributeProto; 4] {
        let (mut trees, mut ids, mut scores, mut weights) = (vec![], vec![], vec![], vec![]);
        for (tree, id, node) in numbered {
            let TreeNode::Leaf { first, end } = node else { continue };
            let some = &self.weights[*first as usize..*end as usize];
            let none = [Weight { score: 0, value: 0.0 }];
            for weight in if some.is_empty() { &none } else { some } {
                trees.push(*tree);
                ids.push(*id);
                scores.push(i64::from(weight.score));
                weights.push(weight.value);
            }
        }
        [
            int_list(WEIGHT_TREES, trees),
            int_list(WEIGHT_IDS, ids),
            int_list(WEIGHT_SCORES, scores),
            float_list(WEIGHTS, weights),
        ]
    }
}

fn mode_name(node: &TreeNode) -> &'static [u8] {
    match node {
        TreeNode::Leaf { .. } => b"LEAF",
        TreeNode::Branch { mode, .. } => match mode {
            Mode::AtMost => b"BRANCH_LEQ",
            Mode::Below => b"BRANCH_LT",
            Mode::AtLeast => b"BRANCH_GTE",
            Mode::Above => b"BRANCH_GT",
            Mode::Equal => b"BRANCH_EQ",
            Mode::Unequal => b"BRANCH_NEQ",
        },
    }
}

fn aggregate_name(aggregate: Aggregate) -> &'static [u8] {
    match aggregate {
        Aggregate::Sum => b"SUM",
        Aggregate::Average => b"AVERAGE",
        Aggregate::Min => b"MIN",
        Aggregate::Max => b"MAX",
    }
}

fn named(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

fn int_list(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { ints, ..named(name, AttributeType::Ints) }
}

fn float_list(name: &str, floats: Vec<f32>) -> AttributeProto {
    AttributeProto { floats, ..named(name, AttributeType::Floats) }
}
