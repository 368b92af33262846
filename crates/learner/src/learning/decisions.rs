//! The decisions of a training, in sentences for an administrator.
//!
//! Must not know how they were made.

use super::additive_model::AdditiveModel;
use super::ensemble::Ensemble;
use super::learner::TrainingSet;
use super::train::Compared;

/// Sentences about the candidates, the ensemble, and the accuracy of a constant prediction.
pub(super) fn explain(
    training: &TrainingSet<'_>,
    candidates: &[Compared],
    ensemble: &Ensemble,
    class_counts: &[usize],
    model: &AdditiveModel,
) -> Vec<String> {
    let rows = training.rows.len();
    let features = training.samples.features().columns().len();
    let largest = class_counts.iter().max().copied().unwrap_or(0);
    let majority = 100.0 * largest as f64 / rows.max(1) as f64;
    if training.inputs.is_empty() {
        return vec![format!(
            "None of the {features} features varies among the {rows} samples, so every prediction is the most \
             frequent class, with its share of {majority:.1} %."
        )];
    }
    let mut sentences = vec![
        format!(
            "{} of {features} features are used; the others are constant in these {rows} samples, or copies.",
            training.inputs.len()
        ),
        format!("Always guessing the most frequent class would be right for {majority:.1} %."),
    ];
    for ((hyperparameters, log_loss), weight) in candidates.iter().zip(&ensemble.weights) {
        let learner = hyperparameters.describe();
        sentences.push(match log_loss {
            None => format!("Trained {learner}; there are too few samples for cross-validation."),
            Some(log_loss) => {
                let share = if *weight > 0.0 {
                    format!("{:.0} % of the model", 100.0 * weight)
                } else {
                    "not used".to_owned()
                };
                format!("Tried {learner}: log-loss {log_loss:.4} on held-out samples; {share}.")
            }
        });
    }
    if !ensemble.log_loss.is_nan() {
        sentences.push(format!("Together, their log-loss on held-out samples is {:.4}.", ensemble.log_loss));
    }
    let columns = model.basis.width();
    let trees: usize = model.forests.iter().map(|forest| forest.trees.len()).sum();
    sentences.push(format!("The model has {columns} derived columns and {trees} trees."));
    sentences
}
