//! Gradient-boosted trees: what finds the rules that bends and sums cannot.
//!
//! Histogram-based boosting (Friedman 2001; Chen and Guestrin 2016; Ke et al.
//! 2017), grown level by level. Most cells of a Moodle column hold the column's
//! usual value, so only the others are visited: the usual value's share of a
//! histogram is what remains of the node.

mod binning;
mod boosting;
mod forest;

pub(crate) use binning::Binned;
pub(crate) use boosting::{Growth, boost};
pub(crate) use forest::{Branch, Forest};
