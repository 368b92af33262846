//! A model whose margins are a sum: a linear model on derived columns plus forests.
//!
//! Owns how fitted members are added up. A weighted sum of such models is such a model again, so an ensemble is as
//! cheap to store and to run as one model. Must not know how members are fitted.

use ndarray::{Array1, Array2};

use super::basis::Basis;
use super::logistic::LinearModel;
use super::preprocessing::Input;
use super::trees::Forest;
use crate::dataset::Features;

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
