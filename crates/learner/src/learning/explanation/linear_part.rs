//! The contributions of the derived columns of one input each.
//!
//! The Shapley values of a sum of functions of one input each are these functions minus their means over the background.
//! Must not know other parts of a model.

use crate::learning::additive_model::AdditiveModel;

use super::super::basis::Term;

/// Terms with their weights, and their means over the background.
pub(super) struct LinearPart<'a> {
    model: &'a AdditiveModel,
    /// Inputs × margins.
    means: Vec<f64>,
}

impl<'a> LinearPart<'a> {
    /// `background` has the standardised values of `inputs` inputs, row by row.
    pub(super) fn new(model: &'a AdditiveModel, inputs: usize, background: &[f32]) -> Self {
        let mut part = Self { model, means: vec![0.0; inputs * model.linear.bias.len()] };
        let mut sums = part.means.clone();
        background.chunks_exact(inputs.max(1)).for_each(|row| part.add(row, &mut sums));
        let rows = (background.len() / inputs.max(1)).max(1) as f64;
        sums.iter_mut().for_each(|sum| *sum /= rows);
        part.means = sums;
        part
    }

    /// Adds the contributions of a row of standardised values to `out`, inputs × margins.
    pub(super) fn add(&self, row: &[f32], out: &mut [f64]) {
        let margins = self.model.linear.bias.len();
        for (term, weights) in self.model.basis.terms.iter().zip(self.model.linear.weights.outer_iter()) {
            let value = value(*term, row[term.input()]);
            let out = &mut out[term.input() * margins..][..margins];
            out.iter_mut().zip(weights).for_each(|(out, weight)| *out += weight * value);
        }
        out.iter_mut().zip(&self.means).for_each(|(out, mean)| *out -= mean);
    }
}

fn value(term: Term, standardised: f32) -> f64 {
    f64::from(term.value((!standardised.is_nan()).then_some(standardised)))
}
