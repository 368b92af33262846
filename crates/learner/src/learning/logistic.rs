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
use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::additive_model::LinearModel;

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
    center: Array1<f64>,
    /// The factor of a raw column after centring; 0 for a constant one.
    factor: Array1<f64>,
    /// √(4/n): the standard deviation of the scaled columns.
    unit: f64,
}

impl Problem {
    /// Prepares a design of rows × columns; `targets` has a class index for each row.
    pub(crate) fn new(mut design: Array2<f64>, targets: Vec<usize>, classes: usize) -> Self {
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
        Self { x: design, targets, classes, center, factor, unit }
    }

    /// Fits with a penalty of `alpha`/2 on the squared weights of standardised columns, starting
    /// from an earlier [`Fitted`] of this problem when there is one.
    pub(crate) fn fit(&self, mut alpha: f64, stopping: Stopping, start: Option<&Fitted>) -> Fitted {
        let null = self.prior_only();
        if self.x.ncols() == 0 {
            return null;
        }
        for _ in 0..4 {
            if let Some(fitted) = self.try_fit(alpha, stopping, start.unwrap_or(&null))
                && self.objective(&fitted, alpha) <= self.objective(&null, alpha) * (1.0 + 1e-9)
            {
                return fitted;
            }
            alpha *= 10.0;
        }
        null
    }

    /// As [`Problem::fit`], but along the path of stronger penalties: a weak one needs far fewer steps from a
    /// neighbour's solution than from zero.
    pub(crate) fn fit_along_path(&self, alpha: f64, stopping: Stopping) -> Fitted {
        let mut last = None;
        for stronger in ALPHAS.into_iter().filter(|&stronger| stronger > alpha) {
            last = Some(self.fit(stronger, Stopping::COMPARING, last.as_ref()));
        }
        self.fit(alpha, stopping, last.as_ref())
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
        Fitted { weights: Array2::zeros((self.x.ncols(), bias.len())), bias: Array1::from(bias) }
    }

    fn try_fit(&self, alpha: f64, stopping: Stopping, start: &Fitted) -> Option<Fitted> {
        // In units of the scaled columns; the same optimum, see Problem::new.
        let alpha = (alpha * self.unit * self.unit).max(1e-9);
        let tolerance = (2.0 * stopping.loss_tolerance * self.targets.len() as f64).sqrt().max(1e-6);
        // linfa and argmin return errors for the cases they check, and may panic in others: this must not fail a request.
        let fitted = catch_unwind(AssertUnwindSafe(|| {
            if self.classes == 2 {
                self.fit_binary(alpha, tolerance, stopping, start)
            } else {
                self.fit_multinomial(alpha, tolerance, stopping, start)
            }
        }))
        .ok()
        .flatten()?;
        let finite = fitted.weights.iter().chain(&fitted.bias).all(|weight| weight.is_finite());
        finite.then_some(fitted)
    }

    fn fit_binary(&self, alpha: f64, tolerance: f64, stopping: Stopping, start: &Fitted) -> Option<Fitted> {
        let counts = [0, 1].map(|class| self.targets.iter().filter(|&&target| target == class).count());
        if counts.contains(&0) {
            return None;
        }
        // linfa's positive class is the one with more samples and, of two equal ones, the first seen.
        let second_is_positive = counts[1] > counts[0] || (counts[0] == counts[1] && self.targets[0] == 1);
        let sign = if second_is_positive { 1.0 } else { -1.0 };
        let initial = Array1::from_shape_fn(self.x.ncols() + 1, |at| start.parameter(at, 0) * sign);
        let dataset = DatasetBase::new(self.x.view(), Array1::from(self.targets.clone()));
        let model = LogisticRegression::default()
            .alpha(alpha)
            .max_iterations(stopping.max_iterations)
            .gradient_tolerance(tolerance)
            .initial_params(initial)
            .fit(&dataset)
            .ok()?;
        debug_assert_eq!(model.labels().pos.class, usize::from(second_is_positive));
        let sign = if model.labels().pos.class == 1 { 1.0 } else { -1.0 };
        Some(Fitted {
            weights: (model.params() * sign).insert_axis(Axis(1)),
            bias: Array1::from(vec![model.intercept() * sign]),
        })
    }

    fn fit_multinomial(
        &self,
        alpha: f64,
        tolerance: f64,
        stopping: Stopping,
        start: &Fitted,
    ) -> Option<Fitted> {
        // linfa numbers the classes that occur; any other class keeps next to no probability.
        let mut present: Vec<usize> = self.targets.clone();
        present.sort_unstable();
        present.dedup();
        let shape = (self.x.ncols() + 1, present.len());
        let initial = Array2::from_shape_fn(shape, |(at, margin)| start.parameter(at, present[margin]));
        let dataset = DatasetBase::new(self.x.view(), Array1::from(self.targets.clone()));
        let model = MultiLogisticRegression::default()
            .alpha(alpha)
            .max_iterations(stopping.max_iterations)
            .gradient_tolerance(tolerance)
            .initial_params(initial)
            .fit(&dataset)
            .ok()?;
        let mut fitted = self.prior_only();
        for (at, &class) in present.iter().enumerate() {
            fitted.weights.column_mut(class).assign(&model.params().column(at));
            fitted.bias[class] = model.intercept()[at];
        }
        Some(fitted)
    }

    /// The penalised sum of losses; each row's log-sum-exp subtracts that row's own maximum.
    fn objective(&self, fitted: &Fitted, alpha: f64) -> f64 {
        let margins = self.x.dot(&fitted.weights) + &fitted.bias;
        let loss: f64 = log_losses(&margins, &self.targets).iter().sum();
        let penalty = fitted.weights.iter().map(|w| w * w).sum::<f64>();
        loss + 0.5 * alpha * self.unit * self.unit * penalty
    }
}

/// Weights in terms of a [`Problem`]'s scaled columns.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    weights: Array2<f64>,
    bias: Array1<f64>,
}

impl Fitted {
    /// A weight, or after all weights the bias: the order of linfa's parameters.
    fn parameter(&self, at: usize, margin: usize) -> f64 {
        *self.weights.get((at, margin)).unwrap_or(&self.bias[margin])
    }
}

/// The penalties that are tried, from strong to weak: each fit starts from the one before it.
pub(crate) const ALPHAS: [f64; 10] = [1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03];

/// The stopping criteria of L-BFGS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopping {
    /// The accepted distance of the mean log-loss from its optimum, roughly.
    loss_tolerance: f64,
    /// L-BFGS needs 20 to 60 iterations on data like Moodle's; more only changes weights that hardly change the penalised
    /// loss.
    max_iterations: u64,
}

impl Stopping {
    /// Close enough to rank candidates.
    pub(crate) const COMPARING: Self = Self { loss_tolerance: 3e-5, max_iterations: 30 };
    /// For the members of the final model.
    pub(crate) const FINAL: Self = Self { loss_tolerance: 1e-6, max_iterations: 150 };
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
