//! Penalised logistic regression, safe for any data.
//!
//! Minimises Σ loss + alpha/2·‖w‖². Columns are centred and scaled so that the problem is well conditioned: with columns of
//! variance 4/n the Hessian is near the identity. Newton's method ([`super::newton`]) finds the solution; linfa-logistic
//! ([`super::linfa_fit`]) finishes that of a final model, which is verified against a separate objective. If there is none,
//! the penalty is raised; if that fails, the result is the model of the class shares. Must not know what the columns hold.

use ndarray::{Array1, Array2, ArrayView1, Axis, ShapeBuilder};

use super::additive_model::LinearModel;
use super::linfa_fit::{LinfaFit, LinfaLimits};
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
    /// Class indices; where there are more than two classes, indices into `margins`.
    targets: Vec<usize>,
    /// The margins that are fitted: the only one of two classes, otherwise those of the classes that occur.
    margins: Vec<usize>,
    /// The margins of the class shares.
    prior: Vec<f64>,
    /// The loss at those.
    prior_loss: f64,
    center: Array1<f64>,
    /// The factor of a raw column after centring; 0 for a constant one.
    factor: Array1<f64>,
    /// √(4/n): the standard deviation of the scaled columns.
    unit: f64,
}

impl Problem {
    /// Prepares a design of rows × columns, best column-major; `targets` has a class index for each row.
    pub(crate) fn new(design: Array2<f64>, targets: Vec<usize>, classes: usize) -> Self {
        let mut x = column_major(design);
        let n = x.nrows().max(1) as f64;
        let unit = 2.0 / n.sqrt();
        let mut center = Array1::zeros(x.ncols());
        let mut factor = Array1::zeros(x.ncols());
        for (at, mut column) in x.axis_iter_mut(Axis(1)).enumerate() {
            let mean = column.sum() / n;
            let variance = column.fold(0.0, |sum, x| sum + (x - mean) * (x - mean)) / n;
            let scale = if variance > 1e-12 { unit / variance.sqrt() } else { 0.0 };
            column.mapv_inplace(|x| (x - mean) * scale);
            center[at] = mean;
            factor[at] = scale;
        }
        let prior = prior_margins(targets.iter().copied(), classes);
        let (targets, margins) = if classes == 2 { (targets, vec![0]) } else { number(&targets) };
        let mut problem = Self { x, targets, margins, prior, prior_loss: 0.0, center, factor, unit };
        let shares = Array1::from_iter(problem.margins.iter().map(|&margin| problem.prior[margin]));
        problem.prior_loss = problem.targets.iter().map(|&target| log_loss(shares.view(), target)).sum();
        problem
    }

    /// Fits with a penalty of `alpha`/2 on the squared weights of standardised columns, starting
    /// from an earlier [`Fitted`] of this problem when there is one.
    pub(crate) fn fit(&self, mut alpha: f64, stopping: Stopping, start: Option<Fitted>) -> Fitted {
        let prior = self.of_shares();
        let one_class = self.targets.iter().all(|&target| target == self.targets[0]);
        let objective = Objective::new(&self.x, &self.targets, self.margins.len());
        let (Some(objective), false) = (objective, one_class || self.x.is_empty()) else { return prior };
        let limits = stopping.newton(self.targets.len());
        let mut start = start;
        for _ in 0..4 {
            let scaled = self.scaled_penalty(alpha);
            let from = start.take().unwrap_or_else(|| prior.clone());
            let state = from.state.unwrap_or_else(|| objective.state(from.parameters));
            let state = objective.minimise(scaled, limits, state);
            // Also false for NaN.
            if state.value(scaled) <= self.prior_loss * (1.0 + 1e-9) && state.is_finite() {
                let parameters = if stopping.finish {
                    self.finished(&objective, scaled, &state)
                } else {
                    state.parameters.clone()
                };
                return Fitted { parameters, state: Some(state) };
            }
            alpha *= 10.0;
        }
        prior
    }

    /// The model in terms of the raw columns. A class without a sample keeps next to no probability.
    pub(crate) fn unscaled(&self, fitted: &Fitted) -> LinearModel {
        let columns = self.x.ncols();
        let mut weights = Array2::zeros((columns, self.prior.len()));
        let mut bias = Array1::from(self.prior.clone());
        // Of more than two classes, only differences of biases matter: their mean stays that of the class shares.
        let shift = if self.prior.len() == 1 {
            0.0
        } else {
            let of_shares: f64 = self.margins.iter().map(|&margin| self.prior[margin]).sum();
            (of_shares - fitted.parameters.row(columns).sum()) / self.margins.len() as f64
        };
        for (&margin, parameters) in self.margins.iter().zip(fitted.parameters.columns()) {
            let scaled = parameters.iter().zip(&self.factor).map(|(weight, factor)| weight * factor);
            weights.column_mut(margin).iter_mut().zip(scaled).for_each(|(out, weight)| *out = weight);
            bias[margin] = parameters[columns] + shift;
        }
        let bias = bias - self.center.dot(&weights);
        LinearModel { weights, bias }
    }

    /// The model without weights, of [`prior_margins`].
    fn of_shares(&self) -> Fitted {
        let mut parameters = Array2::zeros((self.x.ncols() + 1, self.margins.len()).f());
        for (bias, &margin) in parameters.row_mut(self.x.ncols()).iter_mut().zip(&self.margins) {
            *bias = self.prior[margin];
        }
        Fitted { parameters, state: None }
    }

    /// The penalty in units of the scaled columns; the same optimum, see [`Problem::new`].
    fn scaled_penalty(&self, alpha: f64) -> f64 {
        (alpha * self.unit * self.unit).max(1e-9)
    }

    /// The parameters that linfa finds from those of `state`, or those of `state` if they are better or linfa fails.
    fn finished(&self, objective: &Objective<'_>, scaled: f64, state: &State) -> Array2<f64> {
        let (start, limits) = (&state.parameters, Stopping::LINFA);
        let fit = LinfaFit { start, x: &self.x, targets: &self.targets, alpha: scaled, limits };
        let found = fit.parameters();
        // linfa returns the start where its gradient is small enough.
        let better = |found: &Array2<f64>| {
            found == state.parameters || objective.value(found, scaled) <= state.value(scaled)
        };
        found.filter(better).unwrap_or_else(|| state.parameters.clone())
    }
}

/// The same matrix in column-major order.
fn column_major(design: Array2<f64>) -> Array2<f64> {
    if design.t().is_standard_layout() {
        return design;
    }
    let mut copy = Array2::zeros(design.dim().f());
    copy.assign(&design);
    copy
}

/// The targets as indices into the distinct ones, and those, ascending.
fn number(targets: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut distinct = targets.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let index = |target| distinct.binary_search(target).expect("every target is one of the distinct ones");
    (targets.iter().map(index).collect(), distinct)
}

/// Parameters in terms of a [`Problem`]'s scaled columns.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    /// (columns + 1) × fitted margins, the biases last.
    parameters: Array2<f64>,
    /// For the descent from here to the minimum with another penalty.
    state: Option<State>,
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
}

impl Stopping {
    /// Close enough to rank candidates.
    pub(crate) const COMPARING: Self = Self { loss_tolerance: 3e-6, max_steps: 40, finish: false };
    /// For the members of the final model.
    pub(crate) const FINAL: Self = Self { loss_tolerance: 1e-8, max_steps: 100, finish: true };

    /// The start is near the optimum, so linfa needs no more than a few iterations.
    const LINFA: LinfaLimits = LinfaLimits { gradient_tolerance: 1e-2, max_iterations: 10 };

    fn newton(self, samples: usize) -> newton::Limits {
        newton::Limits { tolerance: self.loss_tolerance * samples as f64, max_steps: self.max_steps }
    }
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
