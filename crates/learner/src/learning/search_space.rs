//! Which ways of learning suit how many samples, inputs and classes. How they are compared, and learnt, is not
//! known here.

use super::basis::Plan;
use super::logistic::margins_of;
use super::preprocessing::Input;
use super::trees::{Growth, MAX_INPUTS};

/// A way of learning, with what cross-validation chose for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Recipe {
    /// Logistic regression on derived columns, with a penalty.
    Linear { plan: Plan, alpha: f64 },
    /// Boosted trees, so many rounds of them.
    Trees(Growth),
}

/// What is learnt, in equal parts, when there are too few samples to compare anything: straight lines
/// and smooth bends, both held back strongly, for a few samples say less than they seem to.
pub(crate) const FOR_FEW_SAMPLES: [Recipe; 2] = [
    Recipe::Linear { plan: Plan { hinges: 0, random: 0 }, alpha: 10.0 },
    Recipe::Linear { plan: Plan { hinges: 3, random: 100 }, alpha: 10.0 },
];

/// Most trees of a model.
const MAX_TREES: usize = 4_000;

/// Trees are tried from this many samples; below, they never won.
const MIN_FOR_TREES: usize = 400;

/// Random features pay up to this many samples.
const MAX_FOR_RANDOM_FEATURES: usize = 20_000;

/// With more inputs straight lines and trees are enough to choose from, and memory stays bounded.
const MAX_INPUTS_TO_BEND: usize = 2_000;
const MAX_INPUTS_TO_COMBINE: usize = 500;

/// With so few inputs a smooth rule between them can be followed closely, and the fewer samples there
/// are the more the mean of many random features steadies it.
const FEW_INPUTS: usize = 10;

/// With fewer samples, chance decides much: what steadies an answer pays.
pub(crate) const FEW: usize = 500;

/// The linear recipes worth comparing.
pub(crate) fn plans(rows: usize, inputs: &[Input]) -> Vec<Plan> {
    let mut plans = vec![Plan { hinges: 0, random: 0 }];
    let bends = inputs.iter().any(|input| input.levels.len() > 2);
    if bends && inputs.len() <= MAX_INPUTS_TO_BEND {
        plans.push(Plan { hinges: 3, random: 0 });
    }
    let continuous = inputs.iter().filter(|input| input.levels.len() > 12).count();
    if continuous > 0 && rows >= 300 && inputs.len() <= 60 {
        plans.push(Plan { hinges: 8, random: 0 });
    }
    if (2..=MAX_INPUTS_TO_COMBINE).contains(&inputs.len()) && rows <= MAX_FOR_RANDOM_FEATURES {
        let random = match (inputs.len() <= FEW_INPUTS, rows < FEW) {
            (true, true) => 800,
            (true, false) => 200,
            (false, _) => 100,
        };
        plans.push(Plan { hinges: if bends { 3 } else { 0 }, random });
    }
    plans
}

/// The trees that are tried on so many samples: shallow ones follow noise less, deep ones follow
/// details. How deep is best differs from dataset to dataset, so two kinds are tried, and mixed.
pub(crate) fn tree_growths(rows: usize, inputs: usize, classes: usize, seed: u64) -> Vec<Growth> {
    if rows < MIN_FOR_TREES || inputs > MAX_INPUTS {
        return Vec::new();
    }
    let growth = |depth| Growth {
        // With more than two classes each needs a tree a round, so there are fewer rounds, of longer steps;
        // and the model must stay small enough to be run.
        rounds: 1_000.min((MAX_TREES / margins_of(classes)).max(10)),
        patience: if classes == 2 { 40 } else { 20 },
        rate: if classes == 2 { 0.1 } else { 0.2 },
        depth,
        ridge: 2.0,
        least: 2.0,
        shown: 0.75,
        shaking: 1.0,
        seed,
    };
    match rows {
        0..2_000 => vec![Growth { shown: 1.0, shaking: 0.0, patience: 15, ..growth(2) }, growth(4)],
        2_000..8_000 => vec![growth(4), growth(6)],
        _ => vec![growth(5), growth(8)],
    }
}
