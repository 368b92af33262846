//! Gradient-boosted trees: they fit interactions that a linear model on hinges cannot.
//!
//! Histogram-based boosting (Friedman 2001; Chen and Guestrin 2016; Ke et al. 2017) of symmetric trees. Most cells of a
//! Moodle column hold one value, so only the others are visited: the sums of that default bin are the node's sums minus
//! those of all other bins.

mod binning;
mod boosting;
mod forest;
mod gains;
mod gradients;
mod histogram;
mod learner;
mod loss;
mod params;
mod sketch;
mod tree_builder;
mod tree_structure;

pub(crate) use forest::{Forest, Tree, TreeSplit};
pub(super) use learner::TreeLearner;
