//! Penalised logistic regression by linfa-logistic, from given parameters on.
//!
//! linfa minimises Σ loss + alpha/2·‖w‖² with L-BFGS. Its multinomial log-sum-exp has one maximum for the whole batch, so it
//! needs columns of a small scale; its errors and panics become `None`. Must not know how the start was found, nor whether
//! the result is used.

use std::panic::{AssertUnwindSafe, catch_unwind};

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder};

/// When linfa stops.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinfaLimits {
    /// Of the norm of the gradient.
    pub gradient_tolerance: f64,
    pub max_iterations: u64,
}

/// A problem for linfa, with the parameters to start from: columns + 1 × margins, biases last, column-major. One margin is that
/// of class 1 against class 0, both of which occur; more are those of the classes that occur.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinfaFit<'a> {
    pub start: &'a Array2<f64>,
    /// The design: rows × columns.
    pub x: &'a Array2<f64>,
    pub targets: &'a [usize],
    pub alpha: f64,
    pub limits: LinfaLimits,
}

impl LinfaFit<'_> {
    /// The parameters that linfa finds, in the form of the start.
    pub fn parameters(self) -> Option<Array2<f64>> {
        // linfa and argmin return errors for the cases they check, and may panic in others: this must not fail a request.
        let fit = || if self.start.ncols() == 1 { self.binary() } else { self.multinomial() };
        let parameters = catch_unwind(AssertUnwindSafe(fit)).ok().flatten()?;
        parameters.iter().all(|parameter| parameter.is_finite()).then_some(parameters)
    }

    fn dataset(&self) -> DatasetBase<ArrayView2<'_, f64>, Array1<usize>> {
        DatasetBase::new(self.x.view(), Array1::from(self.targets.to_vec()))
    }

    fn binary(&self) -> Option<Array2<f64>> {
        let second = self.targets.iter().filter(|&&target| target == 1).count();
        let first = self.targets.len() - second;
        // linfa's positive class is the one with more samples and, of two equal ones, the first seen.
        let second_is_positive = second > first || (first == second && self.targets[0] == 1);
        let sign = if second_is_positive { 1.0 } else { -1.0 };
        let model = LogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(self.limits.max_iterations)
            .gradient_tolerance(self.limits.gradient_tolerance)
            .initial_params(&self.start.column(0) * sign)
            .fit(&self.dataset())
            .ok()?;
        debug_assert_eq!(model.labels().pos.class, usize::from(second_is_positive));
        let sign = if model.labels().pos.class == 1 { 1.0 } else { -1.0 };
        let mut parameters = model.params().to_vec();
        parameters.push(model.intercept());
        let parameters = Array2::from_shape_vec((parameters.len(), 1).f(), parameters).ok()?;
        Some(parameters * sign)
    }

    fn multinomial(&self) -> Option<Array2<f64>> {
        let model = MultiLogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(self.limits.max_iterations)
            .gradient_tolerance(self.limits.gradient_tolerance)
            .initial_params(self.start.clone())
            .fit(&self.dataset())
            .ok()?;
        let found = model.params().columns().into_iter().zip(model.intercept());
        let mut parameters = Array2::zeros(self.start.dim().f());
        for (mut out, (weights, &bias)) in parameters.columns_mut().into_iter().zip(found) {
            out.iter_mut().zip(weights.iter().chain([&bias])).for_each(|(out, &parameter)| *out = parameter);
        }
        Some(parameters)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::newton::{Limits, Objective};
    use super::*;

    /// A design of columns of about the scale that fits have, and targets that depend on it with noise.
    fn samples(rows: usize, columns: usize, classes: usize) -> (Array2<f64>, Vec<usize>) {
        let mut x = Array2::zeros((rows, columns).f());
        let noise = |at: usize| ((at as f64 * 12.989_8).sin() * 43_758.545).fract().abs();
        let scale = 2.0 / (rows as f64).sqrt();
        for ((row, column), value) in x.indexed_iter_mut() {
            *value = scale * 3.0 * (noise(row * columns + column) - 0.5);
        }
        let target = |row: usize| {
            let score = x[[row, 0]] / scale + x[[row, 1]] / scale + 1.5 * (noise(row + 7_000_000) - 0.5);
            (((score + 3.0) / 6.0 * classes as f64) as usize).min(classes - 1)
        };
        let targets = (0..rows).map(target).collect();
        (x, targets)
    }

    #[rstest]
    #[case::two_classes(2, 1)]
    #[case::three_classes(3, 3)]
    fn linfa_and_newton_find_the_same_parameters(#[case] classes: usize, #[case] margins: usize) {
        let (x, targets) = samples(600, 5, classes);
        let alpha = 0.05;
        let zero = Array2::zeros((6, margins).f());
        let limits = LinfaLimits { gradient_tolerance: 1e-8, max_iterations: 500 };
        let fit = LinfaFit { start: &zero, x: &x, targets: &targets, alpha, limits };
        let mut by_linfa = fit.parameters().expect("the data is well conditioned");
        let objective = Objective::new(&x, &targets, margins).expect("the design is column-major");
        let limits = Limits { tolerance: 1e-13, max_steps: 100 };
        let mut by_newton = objective.minimise(alpha, limits, objective.state(zero)).parameters;
        // Of several biases only the differences matter.
        for parameters in [&mut by_linfa, &mut by_newton].into_iter().filter(|_| margins > 1) {
            let mean = parameters.row(5).sum() / margins as f64;
            parameters.row_mut(5).mapv_inplace(|bias| bias - mean);
        }
        let largest = by_newton.iter().fold(0.0_f64, |max, weight| max.max(weight.abs()));
        assert!(largest > 1.0, "the weights are not near zero: {largest}");
        for (a, b) in by_newton.iter().zip(&by_linfa) {
            assert!((a - b).abs() < 1e-5, "{by_newton} {by_linfa}");
        }
    }

    #[test]
    fn an_error_of_linfa_is_no_result() {
        let (x, targets) = samples(20, 2, 2);
        let zero = Array2::zeros((3, 1).f());
        let limits = LinfaLimits { gradient_tolerance: 1e-3, max_iterations: 5 };
        let fit = LinfaFit { start: &zero, x: &x, targets: &targets, alpha: 1.0, limits };
        assert!(fit.parameters().is_some());
        let nan = &x * f64::NAN;
        assert!(LinfaFit { x: &nan, ..fit }.parameters().is_none());
    }
}
