//! The derived columns of a linear model: standardised values, missing flags, hinges (piecewise linear functions of one
//! input), and random features (smooth functions of several inputs).
//!
//! Sources: hinges are those of multivariate adaptive regression splines (Friedman 1991); random features follow Rahimi
//! and Recht (2007). Must not know how weights are fitted.

use ndarray::{Array2, ArrayViewMut2, Axis, ShapeBuilder};

use super::preprocessing::Input;
use super::rng::Stream;
use crate::dataset::Features;

/// One derived column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Term {
    /// The standardised value of an input.
    Value { input: usize },
    /// 1 where an input is missing, 0 elsewhere.
    Missing { input: usize },
    /// max(0, standardised value − knot).
    Hinge { input: usize, knot: f32 },
}

/// Functions of several inputs: f(w·z + b), the first half with f = max(0, ·), the second with f = cos.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RandomFeatures {
    /// Inputs × columns.
    pub weights: Array2<f32>,
    /// One for each column.
    pub bias: Vec<f32>,
    /// The number of rectified columns; the others are cosines.
    pub rectified: usize,
}

/// The derived columns of a linear model, terms first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Basis {
    pub terms: Vec<Term>,
    pub random: Option<RandomFeatures>,
}

/// Which derived columns a basis has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BasisParams {
    /// The maximum number of hinges of an input.
    pub hinges: usize,
    /// The number of random features, half of each kind.
    pub random: usize,
}

/// A missing flag needs at least this many samples with and without a value.
const MIN_FLAGGED: f64 = 2.0;

impl Basis {
    /// Chooses the columns for inputs that were measured on `rows` samples.
    pub(crate) fn new(inputs: &[Input], params: BasisParams, rows: usize, seed: u64) -> Self {
        let varying = inputs.iter().enumerate().filter(|(_, input)| input.levels.len() > 1);
        let mut terms: Vec<Term> = varying.map(|(input, _)| Term::Value { input }).collect();
        for (at, input) in inputs.iter().enumerate() {
            let missing = input.missing * rows as f64;
            if missing >= MIN_FLAGGED && rows as f64 - missing >= MIN_FLAGGED || input.levels.len() < 2 {
                terms.push(Term::Missing { input: at });
            }
        }
        for (at, input) in inputs.iter().enumerate() {
            let knots = knots(&input.levels, params.hinges);
            terms.extend(knots.into_iter().map(|knot| Term::Hinge { input: at, knot }));
        }
        let random = (params.random > 0 && !inputs.is_empty())
            .then(|| RandomFeatures::new(inputs.len(), params.random, seed));
        Self { terms, random }
    }

    /// Adds the columns of another basis of the same inputs that this one lacks. `own` and `added` are the weights of the
    /// two, columns × margins; returns the weights of the union.
    pub(crate) fn merge(&mut self, more: Self, own: &Array2<f64>, added: &Array2<f64>) -> Array2<f64> {
        let margins = added.ncols();
        let first_random = self.terms.len();
        let mut rows: Vec<Vec<f64>> = own.outer_iter().map(|row| row.to_vec()).collect();
        let random_rows = rows.split_off(first_random);
        let mut more_rows = added.outer_iter().map(|row| row.to_vec());
        for (term, row) in more.terms.into_iter().zip(&mut more_rows) {
            if let Some(at) = self.terms.iter().position(|&known| known == term) {
                rows[at].iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
            } else {
                self.terms.push(term);
                rows.push(row);
            }
        }
        rows.extend(random_rows);
        // Only one basis of the search space has random features.
        rows.extend(more_rows);
        if more.random.is_some() {
            debug_assert!(self.random.is_none(), "random features come from one basis");
            self.random = more.random;
        }
        Array2::from_shape_vec((rows.len(), margins), rows.concat()).expect("each row has all margins")
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.terms.len() + self.random.as_ref().map_or(0, |random| random.bias.len())
    }

    /// The columns of some samples: rows × width, column-major, because linfa is faster on it.
    pub(crate) fn design(&self, inputs: &[Input], features: &Features, rows: &[u32]) -> Array2<f64> {
        let mut design = Array2::zeros((rows.len(), self.width()).f());
        for (at, term) in self.terms.iter().enumerate() {
            let input = &inputs[term.input()];
            let column = &features.columns()[input.feature];
            let standardised = |value: f32| (!value.is_nan()).then(|| input.standardised(value));
            let of_value = |&value: &f32| f64::from(term.value(standardised(value)));
            let table: Vec<f64> = column.values().iter().map(of_value).collect();
            let mut out = design.column_mut(at);
            let out = out.as_slice_mut().expect("columns of a column-major matrix are contiguous");
            column.for_each_code(rows, |row, code| out[row] = table[code]);
        }
        if let Some(random) = &self.random {
            let (_, out) = design.view_mut().split_at(Axis(1), self.terms.len());
            random.fill(inputs, features, rows, out);
        }
        design
    }
}

impl Term {
    /// The index of its input.
    pub(crate) fn input(self) -> usize {
        match self {
            Self::Value { input } | Self::Missing { input } | Self::Hinge { input, .. } => input,
        }
    }

    /// The knot of a hinge; 0 for other terms.
    pub(crate) fn knot(self) -> f32 {
        if let Self::Hinge { knot, .. } = self { knot } else { 0.0 }
    }

    /// Its value for a standardised value of its input; `None` is a missing one, which counts as the mean.
    pub(crate) fn value(self, standardised: Option<f32>) -> f32 {
        let filled = standardised.unwrap_or(0.0);
        match self {
            Self::Value { .. } => filled,
            Self::Missing { .. } => f32::from(u8::from(standardised.is_none())),
            Self::Hinge { knot, .. } => (filled - knot).max(0.0),
        }
    }
}

impl RandomFeatures {
    /// Weights at three scales, to fit slow and fast changes; with many inputs each column depends on three of them.
    fn new(inputs: usize, columns: usize, seed: u64) -> Self {
        const INPUTS_PER_COLUMN: usize = 3;
        // "random" in ASCII: another stream than those of the folds and the trees.
        let mut stream = Stream::new(seed ^ 0x7261_6e64_6f6d);
        // Few inputs may interact in detail; with many, only slow changes can be fitted.
        let scales = if inputs <= INPUTS_PER_COLUMN { [0.9, 1.6, 2.7] } else { [0.6, 1.1, 1.8] };
        let mut weights = Array2::zeros((inputs, columns));
        let mut bias = Vec::with_capacity(columns);
        for column in 0..columns {
            let scale = scales[column % 3];
            if inputs <= INPUTS_PER_COLUMN {
                (0..inputs).for_each(|input| weights[[input, column]] = (scale * stream.normal()) as f32);
            } else {
                for _ in 0..INPUTS_PER_COLUMN {
                    weights[[stream.below(inputs), column]] = (scale * stream.normal()) as f32;
                }
            }
            let rectified = column < columns / 2;
            let offset = if rectified { stream.normal() } else { std::f64::consts::TAU * stream.uniform() };
            bias.push(offset as f32);
        }
        Self { weights, bias, rectified: columns / 2 }
    }

    /// Fills `out`, rows × columns.
    fn fill(&self, inputs: &[Input], features: &Features, rows: &[u32], mut out: ArrayViewMut2<'_, f64>) {
        let mut sums = Array2::<f32>::zeros((rows.len(), self.bias.len()).f());
        for (at, input) in inputs.iter().enumerate() {
            let column = &features.columns()[input.feature];
            let table: Vec<f32> = column.values().iter().map(|&value| input.standardised(value)).collect();
            for (to, &weight) in self.weights.row(at).iter().enumerate() {
                if weight != 0.0 {
                    let mut sum = sums.column_mut(to);
                    column.for_each_code(rows, |row, code| sum[row] += weight * table[code]);
                }
            }
        }
        for (at, &bias) in self.bias.iter().enumerate() {
            for (out, &sum) in out.column_mut(at).iter_mut().zip(sums.column(at)) {
                *out = self.value(at, sum + bias);
            }
        }
    }

    /// The value of a column whose argument, the weighted sum with the bias, is `argument`.
    #[inline]
    pub(crate) fn value(&self, column: usize, argument: f32) -> f64 {
        f64::from(if column < self.rectified { argument.max(0.0) } else { argument.cos() })
    }
}

/// Knots strictly between an input's smallest and largest value: every value when there are few, evenly spaced
/// quantiles of the samples otherwise.
fn knots(levels: &[(f32, u32)], max: usize) -> Vec<f32> {
    if levels.len() < 3 || max == 0 {
        return Vec::new();
    }
    let inner = &levels[1..levels.len() - 1];
    if inner.len() <= max {
        return inner.iter().map(|&(value, _)| value).collect();
    }
    let total: f64 = levels.iter().map(|&(_, count)| f64::from(count)).sum();
    let mut knots: Vec<f32> = Vec::with_capacity(max);
    let mut below = 0.0;
    let mut next = 1_u32;
    for &(value, count) in &levels[..levels.len() - 1] {
        below += f64::from(count);
        if below >= total * f64::from(next) / (max + 1) as f64 {
            if value > levels[0].0 {
                knots.push(value);
            }
            while below >= total * f64::from(next) / (max + 1) as f64 {
                next += 1;
            }
        }
    }
    knots
}
