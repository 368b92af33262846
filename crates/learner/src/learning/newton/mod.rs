//! Minimises the log-loss of linear margins with an L2 penalty, by Newton's method with few Hessians.
//!
//! A step of Newton's method is exact but needs a weighted Gram matrix, which costs as much as several products of the
//! design with vectors. So one Gram matrix serves several steps and neighbouring penalties, as the first matrix of L-BFGS
//! (Liu and Nocedal 1989), until the estimated number of steps with it costs more than a new one. With more than two
//! classes, all share one Gram matrix with mean weights in place of the Hessian of all classes (compare Böhning's bound,
//! 1992). Must not know what the columns hold, nor what is done when it fails.

mod cholesky;
mod losses;
mod products;

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView2, ShapeBuilder};

use cholesky::Cholesky;
use losses::Losses;
use products::{Design, dot, rows_of};

/// What is minimised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Objective<'a> {
    design: Design<'a>,
    targets: &'a [usize],
    margins: usize,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The accepted distance of the sum of losses from its minimum, as estimated by the next step.
    pub tolerance: f64,
    pub max_steps: usize,
}

/// Parameters, and what is known about the loss at them.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// (columns + 1) × margins, the biases last; column-major.
    pub parameters: Array2<f64>,
    margins: Array2<f64>,
    losses: Losses,
    /// Of the loss without penalty.
    gradient: Array2<f64>,
    curvature: Option<Curvature>,
}

/// What is known about the second derivatives.
#[derive(Debug, Clone)]
struct Curvature {
    /// Without penalty.
    gram: Array2<f64>,
    /// The penalty that the pairs include.
    alpha: f64,
    pairs: VecDeque<Pair>,
}

/// A step and the change of the gradient over it.
#[derive(Debug, Clone)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
}

/// Pairs that L-BFGS remembers.
const MAX_PAIRS: usize = 10;

/// The share of the expected decrease that a step must reach (Armijo's rule).
const SUFFICIENT_DECREASE: f64 = 1e-4;

/// Attempts to find a step length.
const MAX_LENGTHS: usize = 25;

/// A Gram matrix of this many columns costs as much as a step, which is two products with vectors.
const COLUMNS_OF_A_STEP: f64 = 60.0;

/// Steps that are expected after a new Gram matrix.
const STEPS_AFTER_GRAM: f64 = 2.0;

impl<'a> Objective<'a> {
    /// Of a column-major design; two classes have one margin, more have one each. `None` if the design is row-major.
    pub fn new(x: &'a Array2<f64>, targets: &'a [usize], margins: usize) -> Option<Self> {
        Some(Self { design: Design::new(x)?, targets, margins })
    }

    /// The state at some parameters.
    pub fn state(&self, parameters: Array2<f64>) -> State {
        let margins = self.design.times(&parameters);
        let losses = Losses::of(&margins, self.targets);
        let gradient = self.design.transposed_times(&losses.residuals);
        State { parameters, margins, losses, gradient, curvature: None }
    }

    /// Descends from `state` to the minimum of Σ loss + alpha/2·‖weights‖²; biases have no penalty. The result may be
    /// short of the minimum, where `limits` or rounding end the descent.
    pub fn minimise(&self, alpha: f64, limits: Limits, mut state: State) -> State {
        let Some(mut curvature) = state.curvature.take().or_else(|| self.curvature(&state, alpha)) else {
            return state;
        };
        curvature.change_penalty(alpha);
        let mut factor = curvature.factor(alpha);
        let mut fresh = false;
        let mut last_decrease = f64::INFINITY;
        let mut dbg = String::new(); let t0 = std::time::Instant::now();
        for _ in 0..limits.max_steps {
            let gradient = penalised(&state.gradient, &state.parameters, alpha);
            let Some(known) = &factor else { break };
            let mut direction = curvature.direction(known, &gradient);
            let mut decrease = -0.5 * dot(&flat(&direction), &flat(&gradient));
            if !decrease.is_finite() {
                break;
            }
            dbg += &format!(" {:.1e}", decrease / self.targets.len() as f64);
            if decrease <= limits.tolerance && decrease >= 0.0 {
                break;
            }
            if !fresh && self.steps_left(decrease / last_decrease, decrease / limits.tolerance) > self.gram_steps() {
                let Some(new) = self.curvature(&state, alpha) else { break };
                curvature = new; dbg += "G";
                factor = curvature.factor(alpha);
                let Some(known) = &factor else { break };
                direction = curvature.direction(known, &gradient);
                decrease = -0.5 * dot(&flat(&direction), &flat(&gradient));
                fresh = true;
            } else {
                fresh = false;
            }
            let Some(step) = self.step(&mut state, &direction, alpha, -2.0 * decrease) else {
                if fresh {
                    break;
                }
                last_decrease = 0.0;
                continue;
            };
            let change = &penalised(&state.gradient, &state.parameters, alpha) - &gradient;
            curvature.remember(flat(&step), flat(&change));
            last_decrease = decrease;
        }
        if std::env::var_os("NDBG").is_some() { eprintln!("n {} p {} m {} alpha {:.2} {:.1} ms:{dbg}", self.targets.len(), self.design.width(), self.margins, alpha * self.targets.len() as f64 / 4.0, t0.elapsed().as_secs_f64()*1e3); }
        state.curvature = Some(curvature);
        state
    }

    /// Steps that a Gram matrix costs, with those that follow it.
    fn gram_steps(&self) -> f64 {
        STEPS_AFTER_GRAM + self.design.width() as f64 / COLUMNS_OF_A_STEP / self.margins as f64
    }

    /// Moves the state along a direction in which the objective has `slope`; returns the step. `None` if no length
    /// lowers the objective.
    fn step(&self, state: &mut State, direction: &Array2<f64>, alpha: f64, slope: f64) -> Option<Array2<f64>> {
        let margins = self.design.times(direction);
        let (w, d) = (weights(&state.parameters), weights(direction));
        let (wd, dd) = ((&w * &d).sum(), (&d * &d).sum());
        let mut length = 1.0;
        for _ in 0..MAX_LENGTHS {
            let mut moved = state.margins.clone();
            moved.scaled_add(length, &margins);
            let losses = Losses::of(&moved, self.targets);
            let change = losses.sum - state.losses.sum + alpha * length * (wd + 0.5 * length * dd);
            if change <= SUFFICIENT_DECREASE * length * slope + 1e-13 * state.losses.sum {
                let step = direction * length;
                state.parameters += &step;
                state.margins = moved;
                state.gradient = self.design.transposed_times(&losses.residuals);
                state.losses = losses;
                return Some(step);
            }
            // The minimum of the parabola through both ends, with the known slope.
            let parabola = -0.5 * slope * length * length / (change - slope * length);
            length = if parabola.is_finite() { parabola.clamp(0.1 * length, 0.5 * length) } else { 0.1 * length };
        }
        None
    }

    fn curvature(&self, state: &State, alpha: f64) -> Option<Curvature> {
        let gram = self.design.weighted_gram(&state.losses.curvatures(self.targets));
        gram.iter().all(|x| x.is_finite()).then(|| Curvature { gram, alpha, pairs: VecDeque::new() })
    }

    /// The number of further steps if each lowers the distance from the minimum by the factor `rate`.
    fn steps_left(&self, rate: f64, distance: f64) -> f64 {
        if rate < 1.0 && rate >= 0.0 { distance.ln() / -rate.ln() } else { f64::INFINITY }
    }
}

impl Curvature {
    fn factor(&self, alpha: f64) -> Option<Cholesky> {
        let width = self.gram.nrows();
        let mean = self.gram.diag().sum() / width as f64;
        // Products in f32 can make a singular matrix slightly indefinite.
        [0.0, 1e-6, 1e-4, 1e-2, 1.0].into_iter().find_map(|more| {
            let mut sum = self.gram.clone();
            sum.diag_mut().mapv_inplace(|x| x + alpha + more * mean);
            sum[[width - 1, width - 1]] -= alpha;
            Cholesky::new(sum)
        })
    }

    /// Makes the pairs those of another penalty.
    fn change_penalty(&mut self, alpha: f64) {
        let more = alpha - self.alpha;
        let width = self.gram.nrows();
        for pair in &mut self.pairs {
            for (change, step) in pair.change.chunks_mut(width).zip(pair.step.chunks(width)) {
                let weights = width - 1;
                change[..weights].iter_mut().zip(step).for_each(|(change, step)| *change += more * step);
            }
        }
        self.pairs.retain(Pair::is_convex);
        self.alpha = alpha;
    }

    fn remember(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let pair = Pair { step, change };
        if pair.is_convex() {
            self.pairs.push_back(pair);
            if self.pairs.len() > MAX_PAIRS {
                self.pairs.pop_front();
            }
        }
    }

    /// The direction of L-BFGS, which is that of Newton's method without pairs.
    fn direction(&self, factor: &Cholesky, gradient: &Array2<f64>) -> Array2<f64> {
        let mut q = flat(gradient);
        let mut shares = Vec::with_capacity(self.pairs.len());
        for Pair { step, change } in self.pairs.iter().rev() {
            let share = dot(step, &q) / dot(step, change);
            q.iter_mut().zip(change).for_each(|(q, change)| *q -= share * change);
            shares.push(share);
        }
        let mut direction = Array2::from_shape_vec(gradient.dim().f(), q).expect("the shape is the gradient's");
        direction.columns_mut().into_iter().for_each(|column| factor.solve(column));
        let mut r = flat(&direction);
        for (Pair { step, change }, share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let share = share - dot(change, &r) / dot(step, change);
            r.iter_mut().zip(step).for_each(|(r, step)| *r += share * step);
        }
        r.iter_mut().for_each(|r| *r = -*r);
        Array2::from_shape_vec(gradient.dim().f(), r).expect("the shape is the gradient's")
    }
}

impl Pair {
    fn is_convex(&self) -> bool {
        let product = dot(&self.step, &self.change);
        product > 1e-12 * (dot(&self.step, &self.step) * dot(&self.change, &self.change)).sqrt()
    }
}

/// The gradient with that of the penalty.
fn penalised(gradient: &Array2<f64>, parameters: &Array2<f64>, alpha: f64) -> Array2<f64> {
    let mut sum = gradient.clone();
    let columns = parameters.nrows() - 1;
    rows_of(sum.view_mut(), 0..columns).scaled_add(alpha, &weights(parameters));
    sum
}

/// The parameters without the biases.
fn weights(parameters: &Array2<f64>) -> ArrayView2<'_, f64> {
    rows_of(parameters.view(), 0..parameters.nrows() - 1)
}

/// All parameters in one vector, column after column.
fn flat(parameters: &Array2<f64>) -> Vec<f64> {
    parameters.t().iter().copied().collect()
}
