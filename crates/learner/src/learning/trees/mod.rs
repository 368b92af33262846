//! Gradient-boosted trees: what finds the rules that bends and sums cannot.
//!
//! Histogram-based boosting (Friedman 2001; Chen and Guestrin 2016; Ke et al.
//! 2017) of symmetric trees. Most cells of a Moodle column hold the column's
//! usual value, so only the others are visited: the usual value's share of a
//! histogram is what remains of the node.

mod binning;
mod boosting;
mod forest;
mod tree_builder;

pub(crate) use binning::{Binned, MAX_INPUTS};
pub(crate) use boosting::{Growth, Roles, boost};
pub(crate) use forest::{Forest, Question};
