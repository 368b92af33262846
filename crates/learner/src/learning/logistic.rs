//! Penalised logistic regression by linfa, made safe for any data.
//!
//! linfa-logistic minimises Σ loss + alpha/2·‖w‖² with L-BFGS. This file adds three things. Columns are centred and scaled
//! so that the problem is well conditioned: with columns of variance 4/n the Hessian is near the identity, so the first
//! step has the right length and logits stay small, which its multinomial log-sum-exp (one maximum for the whole batch)
//! depends on. The solution is verified against a separate objective. On an error the penalty is raised; if that fails,
//! the result is the model of the class shares. Must not know what the columns hold.

use std::panic::{AssertUnwindSafe, catch_unwind};

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2, ArrayView1, Axis, ShapeBuilder, Slice};

use super::additive_model::LinearModel;
use super::newton::{self, Objective, State};

/// The margins that give every sample the classes' shares. A class without a sample counts as half a sample.
pub(crate) fn prior_margins(targets: impl Iterator<Item = usize>, classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0_f64; classes];
    targets.for_each(|target| counts[target] += 1.0);
    let logs: Vec<f64> = counts.iter().map(|&count| count.max(0.5).ln()).collect();
    if classes == 2 { vec![logs[1] - logs[0]] } else { logs }
}

/// Columns prepared for fitting, shared by all penalties that are tried on them.
pub(crate) struct Problem {
    /// Rows × columns, scaled; column-major.
    x: Array2<f64>,
    targets: Vec<usize>,
    classes: usize,
    /// The classes that have a margin to fit: those that occur, if there are more than two.
    fitted_classes: Vec<usize>,
    /// The targets as indices into `fitted_classes`.
    fitted_targets: Vec<usize>,
    center: Array1<f64>,
    /// The factor of a raw column after centring; 0 for a constant one.
    factor: Array1<f64>,
    /// √(4/n): the standard deviation of the scaled columns.
    unit: f64,
}

impl Problem {
    /// Prepares a design of rows × columns, column-major; `targets` has a class index for each row.
    pub(crate) fn new(design: Array2<f64>, targets: Vec<usize>, classes: usize) -> Self {
        let mut design = column_major(design);
        let n = design.nrows().max(1) as f64;
        let unit = 2.0 / n.sqrt();
        let mut center = Array1::zeros(design.ncols());
        let mut factor = Array1::zeros(design.ncols());
        for (at, mut column) in design.axis_iter_mut(Axis(1)).enumerate() {
            let mean = column.sum() / n;
            let variance = column.fold(0.0, |sum, x| sum + (x - mean) * (x - mean)) / n;
            let scale = if variance > 1e-12 { unit / variance.sqrt() } else { 0.0 };
            column.mapv_inplace(|x| (x - mean) * scale);
            center[at] = mean;
            factor[at] = scale;
        }
        let mut fitted_classes: Vec<usize> = targets.clone();
        fitted_classes.sort_unstable();
        fitted_classes.dedup();
        if classes == 2 {
            fitted_classes = vec![0, 1];
        }
        let index = |target| fitted_classes.binary_search(target).expect("every target is a fitted class");
        let fitted_targets = targets.iter().map(index).collect();
        Self { x: design, targets, classes, fitted_classes, fitted_targets, center, factor, unit }
    }

    /// Fits with a penalty of `alpha`/2 on the squared weights of standardised columns, starting
    /// from an earlier [`Fitted`] of this problem when there is one.
    pub(crate) fn fit(&self, mut alpha: f64, stopping: Stopping, start: Option<Fitted>) -> Fitted {
        let null = self.prior_only();
        let varies = self.classes > 2 || self.targets.iter().any(|&target| target != self.targets[0]);
        if self.x.ncols() == 0 || !varies {
            return null;
        }
        let limit = |alpha| self.objective(&null, alpha) * (1.0 + 1e-9);
        let mut start = start.unwrap_or_else(|| null.clone());
        for _ in 0..4 {
            let Some(fitted) = self.descend(alpha, stopping, start) else { break };
            if self.objective(&fitted, alpha) <= limit(alpha) {
                return if stopping.finish { self.finished(alpha, stopping, fitted) } else { fitted };
            }
            start = null.clone();
            alpha *= 10.0;
        }
        null
    }

    /// The model in terms of the raw columns.
    pub(crate) fn unscaled(&self, fitted: &Fitted) -> LinearModel {
        let weights = &fitted.weights * &self.factor.view().insert_axis(Axis(1));
        let bias = &fitted.bias - &self.center.dot(&weights);
        LinearModel { weights, bias }
    }

    /// The model without weights, of [`prior_margins`].
    fn prior_only(&self) -> Fitted {
        let bias = prior_margins(self.targets.iter().copied(), self.classes);
        let weights = Array2::zeros((self.x.ncols(), bias.len()));
        Fitted { weights, bias: Array1::from(bias), state: None }
    }

    /// The penalty in units of the scaled columns; the same optimum, see [`Problem::new`].
    fn scaled_penalty(&self, alpha: f64) -> f64 {
        (alpha * self.unit * self.unit).max(1e-9)
    }

    /// The margins that are fitted.
    fn fitted_margins(&self) -> Vec<usize> {
        if self.classes == 2 { vec![0] } else { self.fitted_classes.clone() }
    }

    /// The minimum by [`newton`]; `None` if it is not finite.
    fn descend(&self, alpha: f64, stopping: Stopping, start: Fitted) -> Option<Fitted> {
        let margins = self.fitted_margins();
        let objective = Objective::new(&self.x, &self.fitted_targets, margins.len())?;
        let limits = newton::Limits {
            tolerance: stopping.loss_tolerance * self.targets.len() as f64,
            max_steps: stopping.max_steps,
        };
        let shape = (self.x.ncols() + 1, margins.len());
        let state = start.state.unwrap_or_else(|| {
            let parameter = |(at, margin): (usize, usize)| {
                *start.weights.get((at, margins[margin])).unwrap_or(&start.bias[margins[margin]])
            };
            objective.state(Array2::from_shape_fn(shape.f(), parameter))
        });
        let state = objective.minimise(self.scaled_penalty(alpha), limits, state);
        let mut fitted = self.with_parameters(&state.parameters)?;
        fitted.state = Some(state);
        Some(fitted)
    }

    /// The model of parameters of the fitted margins: a row for each column and the biases last. A class without a sample
    /// keeps next to no probability. `None` if they are not finite.
    fn with_parameters(&self, parameters: &Array2<f64>) -> Option<Fitted> {
        if !parameters.iter().all(|parameter| parameter.is_finite()) {
            return None;
        }
        let mut fitted = self.prior_only();
        let columns = self.x.ncols();
        let margins = self.fitted_margins();
        // Of more than two classes, only differences of biases matter: their mean stays that of the class shares.
        let mean = |of: &dyn Fn(usize) -> f64| (0..margins.len()).map(of).sum::<f64>() / margins.len() as f64;
        let shift = if self.classes == 2 {
            0.0
        } else {
            mean(&|at| fitted.bias[margins[at]]) - mean(&|at| parameters[[columns, at]])
        };
        for (at, &margin) in margins.iter().enumerate() {
            fitted.weights.column_mut(margin).assign(&parameters.column(at).slice_axis(Axis(0), Slice::from(..columns)));
            fitted.bias[margin] = parameters[[columns, at]] + shift;
        }
        Some(fitted)
    }

    /// The model that linfa finds from `fitted`, or `fitted` if that is better or linfa fails.
    fn finished(&self, alpha: f64, stopping: Stopping, fitted: Fitted) -> Fitted {
        // linfa and argmin return errors for the cases they check, and may panic in others: this must not fail a request.
        let finish = || {
            if self.classes == 2 {
                self.finish_binary(alpha, stopping, &fitted)
            } else {
                self.finish_multinomial(alpha, stopping, &fitted)
            }
        };
        match catch_unwind(AssertUnwindSafe(finish)).ok().flatten() {
            Some(finished) if self.objective(&finished, alpha) <= self.objective(&fitted, alpha) => finished,
            _ => fitted,
        }
    }

    fn finish_binary(&self, alpha: f64, stopping: Stopping, start: &Fitted) -> Option<Fitted> {
        let second = self.targets.iter().filter(|&&target| target == 1).count();
        let counts = [self.targets.len() - second, second];
        // linfa's positive class is the one with more samples and, of two equal ones, the first seen.
        let second_is_positive = counts[1] > counts[0] || (counts[0] == counts[1] && self.targets[0] == 1);
        let sign = if second_is_positive { 1.0 } else { -1.0 };
        let initial = Array1::from_shape_fn(self.x.ncols() + 1, |at| start.parameter(at, 0) * sign);
        let dataset = DatasetBase::new(self.x.view(), Array1::from(self.targets.clone()));
        let model = LogisticRegression::default()
            .alpha(self.scaled_penalty(alpha))
            .max_iterations(stopping.max_iterations)
            .gradient_tolerance(self.gradient_tolerance(stopping))
            .initial_params(initial)
            .fit(&dataset)
            .ok()?;
        debug_assert_eq!(model.labels().pos.class, usize::from(second_is_positive));
        let sign = if model.labels().pos.class == 1 { 1.0 } else { -1.0 };
        let mut parameters = model.params().to_vec();
        parameters.push(model.intercept());
        self.with_parameters(&(Array1::from(parameters) * sign).insert_axis(Axis(1)))
    }

    fn finish_multinomial(&self, alpha: f64, stopping: Stopping, start: &Fitted) -> Option<Fitted> {
        let margins = self.fitted_margins();
        let shape = (self.x.ncols() + 1, margins.len());
        let initial = Array2::from_shape_fn(shape, |(at, margin)| start.parameter(at, margins[margin]));
        let dataset = DatasetBase::new(self.x.view(), Array1::from(self.fitted_targets.clone()));
        let model = MultiLogisticRegression::default()
            .alpha(self.scaled_penalty(alpha))
            .max_iterations(stopping.max_iterations)
            .gradient_tolerance(self.gradient_tolerance(stopping))
            .initial_params(initial)
            .fit(&dataset)
            .ok()?;
        let mut parameters = model.params().clone();
        parameters.push_row(model.intercept().view()).ok()?;
        self.with_parameters(&parameters)
    }

    /// The norm of the gradient at about the accepted distance from the optimum: with scaled columns, the Hessian is near
    /// the identity.
    fn gradient_tolerance(&self, stopping: Stopping) -> f64 {
        (2.0 * stopping.loss_tolerance * self.targets.len() as f64).sqrt().max(1e-6)
    }

    /// The penalised sum of losses; each row's log-sum-exp subtracts that row's own maximum.
    fn objective(&self, fitted: &Fitted, alpha: f64) -> f64 {
        let margins = self.x.dot(&fitted.weights) + &fitted.bias;
        let loss: f64 = log_losses(&margins, &self.targets).iter().sum();
        let penalty = fitted.weights.iter().map(|w| w * w).sum::<f64>();
        loss + 0.5 * alpha * self.unit * self.unit * penalty
    }
}

/// The same matrix in column-major order.
fn column_major(design: Array2<f64>) -> Array2<f64> {
    if design.t().is_standard_layout() { design } else { design.t().as_standard_layout().into_owned().reversed_axes() }
}

/// Weights in terms of a [`Problem`]'s scaled columns.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    weights: Array2<f64>,
    bias: Array1<f64>,
    /// For the descent from here to the minimum with another penalty.
    state: Option<State>,
}

impl Fitted {
    /// A weight, or after all weights the bias: the order of linfa's parameters.
    fn parameter(&self, at: usize, margin: usize) -> f64 {
        *self.weights.get((at, margin)).unwrap_or(&self.bias[margin])
    }
}

/// The penalties that are tried, from strong to weak: each fit starts from the one before it.
pub(crate) const ALPHAS: [f64; 10] = [1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03];

/// The stopping criteria.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopping {
    /// The accepted distance of the mean log-loss from its optimum, roughly.
    loss_tolerance: f64,
    /// Of Newton's method.
    max_steps: usize,
    /// Whether linfa finishes the fit.
    finish: bool,
    /// Of linfa.
    max_iterations: u64,
}

impl Stopping {
    /// Close enough to rank candidates.
    pub(crate) const COMPARING: Self =
        Self { loss_tolerance: 3e-6, max_steps: 40, finish: false, max_iterations: 0 };
    /// For the members of the final model.
    pub(crate) const FINAL: Self =
        Self { loss_tolerance: 1e-8, max_steps: 100, finish: true, max_iterations: 20 };
}

/// −ln of the probability that margins give to a class.
pub(crate) fn log_loss(margins: ArrayView1<'_, f64>, target: usize) -> f64 {
    if margins.len() == 1 {
        let against = if target == 1 { -margins[0] } else { margins[0] };
        return against.max(0.0) + (-against.abs()).exp().ln_1p();
    }
    let max = margins.fold(f64::NEG_INFINITY, |max, &margin| max.max(margin));
    let sum: f64 = margins.iter().map(|margin| (margin - max).exp()).sum();
    sum.ln() + max - margins[target]
}

/// [`log_loss`] of each row of margins, samples × margins.
pub(crate) fn log_losses(margins: &Array2<f64>, targets: &[usize]) -> Vec<f64> {
    margins.outer_iter().zip(targets).map(|(row, &target)| log_loss(row, target)).collect()
}

/// The mean of [`log_losses`].
pub(crate) fn mean_log_loss(margins: &Array2<f64>, targets: &[usize]) -> f64 {
    log_losses(margins, targets).iter().sum::<f64>() / targets.len().max(1) as f64
}

/// The probabilities of all classes, from one row of margins.
pub(crate) fn probabilities(margins: ArrayView1<'_, f64>, out: &mut [f64]) {
    if let ([first, second], 1) = (&mut *out, margins.len()) {
        let odds = (-margins[0].abs()).exp();
        let (unlikely, likely) = (odds / (1.0 + odds), 1.0 / (1.0 + odds));
        (*first, *second) = if margins[0] >= 0.0 { (unlikely, likely) } else { (likely, unlikely) };
        return;
    }
    let max = margins.fold(f64::NEG_INFINITY, |max, &margin| max.max(margin));
    let mut sum = 0.0;
    for (share, margin) in out.iter_mut().zip(margins) {
        *share = (margin - max).exp();
        sum += *share;
    }
    out.iter_mut().for_each(|share| *share /= sum);
}
