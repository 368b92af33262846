//! Minimises the log-loss of linear margins with an L2 penalty, by Newton's method with few Hessians.
//!
//! A step of Newton's method is exact but needs a weighted Gram matrix, which costs as much as several products of the
//! design with vectors. So one Gram matrix serves several steps and neighbouring penalties, as the first matrix of L-BFGS
//! (Liu and Nocedal 1989), until the estimated number of steps with it costs more than a new one. With more than two
//! classes, the first matrix is the Hessian without the blocks of two different classes: the whole one is too large, and one
//! block for all classes needs several times as many steps. Where columns are too many, it is only a diagonal. Must not know
//! what the columns hold, nor what is done when it fails.

mod cholesky;
mod hessian;
mod losses;
mod products;

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView2, ShapeBuilder};

use hessian::{Hessian, Inverse, has_gram};
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
    /// Without penalty, one for each margin.
    hessians: Vec<Hessian>,
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

/// The number of steps that are expected with a new Gram matrix, and the number of columns with which it costs as much as a
/// step, which is two products of the design with vectors. Estimated; results hardly depend on it.
const GRAM_OF_TWO_CLASSES: (f64, f64) = (2.0, 60.0);

/// The same for more classes: matrices of single margins are not the whole Hessian, so a new one helps less.
const GRAM_OF_MORE_CLASSES: (f64, f64) = (10.0, 20.0);

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

    /// Σ loss + alpha/2·‖weights‖² at some parameters.
    pub fn value(&self, parameters: &Array2<f64>, alpha: f64) -> f64 {
        Losses::of(&self.design.times(parameters), self.targets).sum + penalty(parameters, alpha)
    }

    /// Descends from `state` to the minimum of Σ loss + alpha/2·‖weights‖²; biases have no penalty. The result may be
    /// short of the minimum, where `limits` or rounding end the descent.
    pub fn minimise(&self, alpha: f64, limits: Limits, mut state: State) -> State {
        let known = state.curvature.take();
        let new = || Some(Curvature { hessians: self.hessians(&state)?, alpha, pairs: VecDeque::new() });
        let Some(mut curvature) = known.or_else(new) else { return state };
        curvature.change_penalty(alpha);
        let mut factor = curvature.factor(alpha);
        let mut fresh = false;
        let mut last_decrease = f64::INFINITY;
        for _ in 0..limits.max_steps {
            let gradient = penalised(&state.gradient, &state.parameters, alpha);
            let Some(known) = &factor else { break };
            let mut direction = curvature.direction(known, &gradient);
            let mut decrease = -0.5 * dot(&flat(&direction), &flat(&gradient));
            if !decrease.is_finite() {
                break;
            }
            if decrease <= limits.tolerance && decrease >= 0.0 {
                break;
            }
            if !fresh && steps_left(decrease / last_decrease, decrease / limits.tolerance) > self.gram_steps()
            {
                let Some(new) = self.hessians(&state) else { break };
                curvature.replace_hessians(new);
                factor = curvature.factor(alpha);
                let Some(known) = &factor else { break };
                direction = curvature.direction(known, &gradient);
                decrease = -0.5 * dot(&flat(&direction), &flat(&gradient));
                fresh = true;
            } else {
                fresh = false;
            }
            let Some(step) = self.step(&mut state, &direction, alpha, -2.0 * decrease) else {
                if fresh || !has_gram(self.design, self.margins) {
                    break;
                }
                last_decrease = 0.0;
                continue;
            };
            let change = &penalised(&state.gradient, &state.parameters, alpha) - &gradient;
            curvature.remember(flat(&step), flat(&change));
            last_decrease = decrease;
        }
        state.curvature = Some(curvature);
        state
    }

    /// Steps that a Gram matrix costs, with those that follow it.
    fn gram_steps(&self) -> f64 {
        if !has_gram(self.design, self.margins) {
            // A new diagonal would make the pairs useless, which tell more.
            return f64::INFINITY;
        }
        let (steps, columns) = if self.margins == 1 { GRAM_OF_TWO_CLASSES } else { GRAM_OF_MORE_CLASSES };
        steps + self.design.width() as f64 / columns
    }

    /// Moves the state along a direction in which the objective has `slope`; returns the step. `None` if no length
    /// lowers the objective.
    fn step(
        &self,
        state: &mut State,
        direction: &Array2<f64>,
        alpha: f64,
        slope: f64,
    ) -> Option<Array2<f64>> {
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
            length =
                if parabola.is_finite() { parabola.clamp(0.1 * length, 0.5 * length) } else { 0.1 * length };
        }
        None
    }

    /// One for each margin; `None` if one is not finite.
    fn hessians(&self, state: &State) -> Option<Vec<Hessian>> {
        let of_margin =
            |margin| Hessian::new(self.design, &state.losses.curvatures(margin, self.targets), self.margins);
        (0..self.margins).map(of_margin).collect()
    }
}

/// The number of further steps if each lowers the distance from the minimum by the factor `rate`.
fn steps_left(rate: f64, distance: f64) -> f64 {
    if (0.0..1.0).contains(&rate) { distance.ln() / -rate.ln() } else { f64::INFINITY }
}

impl State {
    /// Σ loss + alpha/2·‖weights‖².
    pub fn value(&self, alpha: f64) -> f64 {
        self.losses.sum + penalty(&self.parameters, alpha)
    }

    pub fn is_finite(&self) -> bool {
        self.parameters.iter().all(|parameter| parameter.is_finite())
    }
}

impl Curvature {
    fn factor(&self, alpha: f64) -> Option<Vec<Inverse>> {
        self.hessians.iter().map(|hessian| hessian.inverse(alpha)).collect()
    }

    /// Takes new Gram matrices. With two classes these are the Hessian, and pairs of earlier points would spoil it.
    fn replace_hessians(&mut self, hessians: Vec<Hessian>) {
        self.hessians = hessians;
        if self.hessians.len() == 1 {
            self.pairs.clear();
        }
    }

    /// Makes the pairs those of another penalty.
    fn change_penalty(&mut self, alpha: f64) {
        let more = alpha - self.alpha;
        let width = self.hessians[0].width();
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
    fn direction(&self, factors: &[Inverse], gradient: &Array2<f64>) -> Array2<f64> {
        let mut q = flat(gradient);
        let mut shares = Vec::with_capacity(self.pairs.len());
        for Pair { step, change } in self.pairs.iter().rev() {
            let share = dot(step, &q) / dot(step, change);
            q.iter_mut().zip(change).for_each(|(q, change)| *q -= share * change);
            shares.push(share);
        }
        let mut direction =
            Array2::from_shape_vec(gradient.dim().f(), q).expect("the shape is the gradient's");
        direction.columns_mut().into_iter().zip(factors).for_each(|(column, factor)| factor.solve(column));
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

fn penalty(parameters: &Array2<f64>, alpha: f64) -> f64 {
    0.5 * alpha * weights(parameters).iter().map(|weight| weight * weight).sum::<f64>()
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LIMITS: Limits = Limits { tolerance: 1e-9, max_steps: 200 };

    /// One column, by which the classes are separated.
    fn separated(classes: usize) -> (Array2<f64>, Vec<usize>) {
        let column = (0..90).map(|row| f64::from(row) / 45.0 - 1.0).collect();
        let x = Array2::from_shape_vec((90, 1).f(), column).expect("one column");
        (x, (0..90).map(|row| row * classes / 90).collect())
    }

    #[rstest]
    #[case::two_classes(2, 1)]
    #[case::five_classes(5, 5)]
    fn separated_classes_have_finite_weights_where_the_gradient_vanishes(
        #[case] classes: usize,
        #[case] margins: usize,
        #[values(1e-6, 1.0)] alpha: f64,
    ) {
        let (x, targets) = separated(classes);
        let objective = Objective::new(&x, &targets, margins).expect("the design is column-major");
        let start = objective.state(Array2::zeros((2, margins).f()));
        let found = objective.minimise(alpha, LIMITS, start.clone());
        assert!(found.is_finite() && found.value(alpha) < start.value(alpha));
        let gradient = penalised(&found.gradient, &found.parameters, alpha);
        assert!(gradient.iter().all(|x| x.abs() < 1e-3), "{gradient} {}", found.parameters);
    }

    #[test]
    fn a_start_from_another_penalty_leads_to_the_same_minimum() {
        let (x, targets) = separated(3);
        let objective = Objective::new(&x, &targets, 3).expect("the design is column-major");
        let zero = || objective.state(Array2::zeros((2, 3).f()));
        let direct = objective.minimise(0.1, LIMITS, zero());
        let warm = objective.minimise(0.1, LIMITS, objective.minimise(10.0, LIMITS, zero()));
        assert!(
            (direct.value(0.1) - warm.value(0.1)).abs() < 1e-7,
            "{} {}",
            direct.value(0.1),
            warm.value(0.1)
        );
        assert!(objective.minimise(10.0, LIMITS, zero()).value(0.1) > direct.value(0.1) + 1e-3);
    }

    #[test]
    fn many_columns_have_the_same_minimum_without_a_gram_matrix() {
        let (rows, columns) = (60, 900);
        let value = |(row, column): (usize, usize)| ((row * 37 + column * 101 + row * column) as f64).sin();
        let mut x = Array2::zeros((rows, columns).f());
        x.indexed_iter_mut().for_each(|(at, out)| *out = value(at));
        let targets: Vec<usize> =
            (0..rows).map(|row| usize::from(value((row, 5)) + value((row, 6)) > 0.0)).collect();
        let objective = Objective::new(&x, &targets, 1).expect("the design is column-major");
        assert!(!has_gram(objective.design, 1));
        let found = objective.minimise(3.0, LIMITS, objective.state(Array2::zeros((columns + 1, 1).f())));
        let gradient = penalised(&found.gradient, &found.parameters, 3.0);
        assert!(gradient.iter().all(|x| x.abs() < 1e-3), "{gradient}");
    }
}
