//! What the learner decided, in sentences for an administrator.

use super::ensemble::Mix;
use super::search_space::Recipe;
use super::train::{Learner, Parts};

/// Sentences about what was compared, what was chosen, and what guessing would give.
pub(crate) fn explain(
    learner: &Learner<'_>,
    candidates: &[(Recipe, Option<f64>)],
    mix: &Mix,
    class_counts: &[usize],
    parts: &Parts,
) -> Vec<String> {
    let rows = learner.rows.len();
    let features = learner.samples.features().columns().len();
    let most = class_counts.iter().max().copied().unwrap_or(0);
    let majority = 100.0 * most as f64 / rows.max(1) as f64;
    if learner.inputs.is_empty() {
        return vec![format!(
            "None of the {features} features varies among the {rows} samples, so every prediction is the most \
             frequent class, with its share of {majority:.1} %."
        )];
    }
    let mut said = vec![
        format!(
            "{} of {features} features differ between the {rows} samples, and from each other, and are used.",
            learner.inputs.len()
        ),
        format!("Always guessing the most frequent class would be right for {majority:.1} %."),
    ];
    for ((recipe, log_loss), weight) in candidates.iter().zip(&mix.weights) {
        let what = describe(recipe);
        let Some(log_loss) = log_loss else {
            said.push(format!("Learnt with {what}; there are too few samples to compare ways of learning."));
            continue;
        };
        let share = if *weight > 0.0 {
            format!("{:.0} % of the model", 100.0 * weight)
        } else {
            "not used".to_owned()
        };
        said.push(format!("Tried {what}: log-loss {log_loss:.4} on samples that were held out; {share}."));
    }
    if !mix.log_loss.is_nan() {
        said.push(format!("Mixed, the log-loss on held-out samples is {:.4}.", mix.log_loss));
    }
    said.push(format!(
        "The model has {} derived columns and {} trees.",
        parts.expansion.width(),
        parts.forests.iter().map(|forest| forest.trees.len()).sum::<usize>()
    ));
    said
}

fn describe(recipe: &Recipe) -> String {
    match recipe {
        Recipe::Linear { plan, alpha } => {
            let mut parts = vec!["features and missing flags".to_owned()];
            if plan.hinges > 0 {
                parts.push(format!("up to {} bends in each", plan.hinges));
            }
            if plan.random > 0 {
                parts.push(format!("{} random combinations", plan.random));
            }
            format!("logistic regression on {} (penalty {alpha})", parts.join(", "))
        }
        Recipe::Trees(growth) => {
            format!("boosted trees ({} rounds of {} questions)", growth.rounds, growth.depth)
        }
    }
}
