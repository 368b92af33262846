//! From samples to a model.

use super::LearningError;
use super::expansion::{Expansion, Plan};
use super::inputs::choose_inputs;
use super::selection::{Choice, choose};
use super::solver::Problem;
use super::trained::TrainedModel;
use crate::dataset::Labelled;

/// All randomness of a training comes from this seed: the same samples give the same model.
const SEED: u64 = 0x6d6f_6f64_6c65;

/// How far the final fit may stay from its optimum, in mean log-loss.
const FINAL_GAP: f64 = 1e-6;

/// Learns from all samples.
///
/// # Errors
/// [`LearningError::ClassWithoutSample`] when a class has none.
pub fn train(samples: &Labelled) -> Result<TrainedModel, LearningError> {
    if let Some(at) = samples.class_counts().iter().position(|&count| count == 0) {
        return Err(LearningError::ClassWithoutSample(samples.classes()[at]));
    }
    let rows: Vec<u32> = (0..samples.targets().len() as u32).collect();
    Ok(train_on(samples, &rows))
}

/// Learns from some of the samples; a class without one gets a small probability everywhere.
pub(crate) fn train_on(samples: &Labelled, rows: &[u32]) -> TrainedModel {
    let inputs = choose_inputs(samples.features(), rows);
    let choices = choose(samples, rows, &inputs, SEED);
    let chosen = &choices[0];
    let expansion = Expansion::new(&inputs, chosen.plan, rows.len(), SEED);
    let design = expansion.design(&inputs, samples.features(), rows);
    let targets = rows.iter().map(|&row| samples.targets()[row as usize] as usize).collect();
    let problem = Problem::new(design, targets, samples.classes().len());
    let linear = problem.unscaled(&problem.fit(chosen.alpha, FINAL_GAP, None));

    let mut class_counts = vec![0; samples.classes().len()];
    rows.iter().for_each(|&row| class_counts[samples.targets()[row as usize] as usize] += 1);
    let decisions = explain(samples, rows.len(), inputs.len(), expansion.width(), &choices);
    TrainedModel {
        names: samples.features().names().to_vec(),
        classes: samples.classes().to_vec(),
        inputs,
        expansion,
        linear,
        decisions,
        log_loss: chosen.log_loss,
        class_counts,
    }
}

fn explain(samples: &Labelled, rows: usize, inputs: usize, width: usize, choices: &[Choice]) -> Vec<String> {
    let features = samples.features().columns().len();
    if inputs == 0 {
        return vec![format!(
            "None of the {features} features varies among the {rows} samples, so every prediction is the most \
             frequent class with its share."
        )];
    }
    let mut said =
        vec![format!("{inputs} of {features} features vary among the {rows} samples and are used.")];
    for (at, choice) in choices.iter().enumerate() {
        let verdict = if at == 0 { "chosen" } else { "compared" };
        let recipe = describe(choice.plan);
        said.push(match choice.log_loss {
            Some(loss) => format!(
                "{verdict}: logistic regression on {recipe}, penalty {}: log-loss {loss:.4} on held-out samples",
                choice.alpha
            ),
            None => format!(
                "{verdict}: logistic regression on {recipe}, penalty {}: too few samples to compare recipes",
                choice.alpha
            ),
        });
    }
    said.push(format!("The model has {width} derived columns."));
    said
}

fn describe(plan: Plan) -> String {
    let mut parts = vec!["the features and flags for missing ones".to_owned()];
    if plan.hinges > 0 {
        parts.push(format!("up to {} bends in each", plan.hinges));
    }
    if plan.random > 0 {
        parts.push(format!("{} random combinations", plan.random));
    }
    parts.join(", ")
}
