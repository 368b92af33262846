//! A model whose margins are a sum: a linear model on derived columns plus forests.
//!
//! Owns the meaning of margins and how fitted members are added up. A weighted sum of such models is such a model again, so
//! an ensemble is as cheap to store and to run as one model. Must not know how members are fitted.
//!
//! What every member must keep to: two classes have one margin, more have one each ([`margin_count`]); `linear.weights` has
//! a row for each column of its own `basis`; weights are finite, also where a class has no training sample; and at most one
//! member of an ensemble has random features.

use ndarray::{Array1, Array2};

use super::basis::Basis;
use super::preprocessing::Input;
use super::trees::Forest;
use crate::dataset::Features;

/// A linear model: margins = x·weights + bias. Two classes have one margin, that of the second class
/// against the first; more have one each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinearModel {
    /// Columns × margins.
    pub weights: Array2<f64>,
    /// One for each margin.
    pub bias: Array1<f64>,
}

/// The number of margins of a model: one for two classes, otherwise one for each class.
pub(crate) fn margin_count(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

/// Margins = basis(x)·weights + bias + the margins of all forests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdditiveModel {
    pub basis: Basis,
    pub linear: LinearModel,
    pub forests: Vec<Forest>,
}

impl AdditiveModel {
    /// A model without columns or trees: every sample has the margins `bias`.
    pub fn constant(bias: Array1<f64>) -> Self {
        let weights = Array2::zeros((0, bias.len()));
        Self { basis: Basis::default(), linear: LinearModel { weights, bias }, forests: Vec::new() }
    }

    /// The margins of some samples: rows × margins.
    pub fn margins(&self, inputs: &[Input], features: &Features, rows: &[u32]) -> Array2<f64> {
        let design = self.basis.design(inputs, features, rows);
        let mut margins = design.dot(&self.linear.weights) + &self.linear.bias;
        for forest in &self.forests {
            forest.add_margins(inputs, features, rows, &mut margins);
        }
        margins
    }

    /// Adds the margins of `member`, multiplied by `share`.
    pub fn add(&mut self, member: Self, share: f64) {
        self.linear.bias = &self.linear.bias + &member.linear.bias * share;
        let weights = member.linear.weights * share;
        self.linear.weights = self.basis.merge(member.basis, &self.linear.weights, &weights);
        self.forests.extend(member.forests.into_iter().map(|forest| forest.scaled(share)));
    }
}
