//! Tree ensembles of other tools, as the standard operator `ai.onnx.ml.TreeEnsembleRegressor`.
//!
//! Owns the checked form of an ensemble, its evaluation, and its form in our files. Each tree is stored from its root,
//! a branch before its children, so that an evaluation ends after at most as many steps as the tree has nodes, and all
//! trees together take a time in proportion to the number of nodes, whatever a file declares. tract's own operator for
//! trees is not used: it trusts the numbers in a file, and lacks most modes. (The forests of this backend,
//! [`super::tree_graph`], are symmetric and need no such operator.) Must not know how other tools' graphs are translated.

mod arrange;
mod ensemble;
mod lists;
mod node_proto;
mod operator;

pub(super) use arrange::{RawBranch, RawNode};
pub(super) use lists::{Lists, feature, finite, score, threshold};
pub(super) use node_proto::{ATTRIBUTES, aggregate, of_node, shape, steps};
pub(super) use operator::register;

pub(super) use ensemble::{
    Aggregate, DOMAIN, MAX_SCORES, Mode, OPERATOR, Size, TreeEnsemble, Weight, check_nodes,
};

#[cfg(test)]
mod tests;
