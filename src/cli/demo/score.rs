//! The quality of predictions, compared with the known outcomes.
//!
//! Owns the comparison. Must not know where predictions come from.

use std::collections::HashMap;

use super::error::{DemoError, unexpected};
use super::students::Cohort;

/// The quality of predictions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// Share of correct predictions.
    pub(super) accuracy: f64,
    /// The accuracy of always predicting that a student stays.
    pub(super) baseline: f64,
    /// Area under the ROC curve: the probability that a student who drops out has a higher risk than one who stays.
    pub(super) auc: f64,
    /// The number of predictions.
    pub(super) samples: usize,
}

/// A prediction as Moodle reads it: sample id, class, the probability of the class.
pub(super) type Prediction = (String, String, String);

/// Compares predictions with the outcomes; every sample must have one, in the order of the file.
pub(super) fn score(cohort: &Cohort, predictions: &[Prediction]) -> Result<Score, DemoError> {
    if predictions.len() != cohort.truth.len() {
        return unexpected(format!("{} samples have {} predictions.", cohort.truth.len(), predictions.len()));
    }
    let outcomes: HashMap<&str, bool> =
        cohort.truth.iter().map(|(id, outcome)| (id.as_str(), *outcome)).collect();
    let mut correct = 0;
    let mut risks = Vec::with_capacity(predictions.len());
    for (id, class, probability) in predictions {
        let Some(&drops_out) = outcomes.get(id.as_str()) else {
            return unexpected(format!("There is a prediction for {id}, which is not in the dataset."));
        };
        let (predicted, risk) = match (class.as_str(), probability.parse::<f64>()) {
            ("1", Ok(p)) if (0.0..=1.0).contains(&p) => (true, p),
            ("0", Ok(p)) if (0.0..=1.0).contains(&p) => (false, 1.0 - p),
            _ => return unexpected(format!("The prediction for {id} is {class:?} at {probability:?}.")),
        };
        correct += usize::from(predicted == drops_out);
        risks.push((risk, drops_out));
    }
    let at_risk = cohort.truth.iter().filter(|(_, drops_out)| *drops_out).count();
    let samples = risks.len();
    Ok(Score {
        accuracy: correct as f64 / samples as f64,
        baseline: (samples - at_risk) as f64 / samples as f64,
        auc: auc(risks),
        samples,
    })
}

/// The Mann-Whitney form of the area under the ROC curve; equal risks share their rank.
fn auc(mut risks: Vec<(f64, bool)>) -> f64 {
    risks.sort_by(|one, other| one.0.total_cmp(&other.0));
    let positives = risks.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = risks.len() as f64 - positives;
    let mut rank_sum = 0.0;
    let mut before = 0.0;
    for equals in risks.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let rank = before + f64::midpoint(equals.len() as f64, 1.0);
        rank_sum += rank * equals.iter().filter(|(_, positive)| *positive).count() as f64;
        before += equals.len() as f64;
    }
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cohort(truth: &[bool]) -> Cohort {
        let truth = truth.iter().enumerate().map(|(id, outcome)| (id.to_string(), *outcome)).collect();
        Cohort { csv: String::new(), truth }
    }

    fn predicted(id: &str, class: &str, probability: &str) -> Prediction {
        (id.to_owned(), class.to_owned(), probability.to_owned())
    }

    #[test]
    fn reads_the_probability_as_that_of_the_predicted_class() {
        let predictions =
            [predicted("0", "0", "0.9"), predicted("1", "1", "0.8"), predicted("2", "0", "0.6")];
        let score = super::score(&cohort(&[false, true, true]), &predictions).expect("a score");
        assert!((score.accuracy - 2.0 / 3.0).abs() < 1e-12, "{score:?}");
        assert!((score.auc - 1.0).abs() < 1e-12, "{score:?}");
    }

    #[test]
    fn counts_equal_risks_as_half() {
        assert!((auc(vec![(0.5, false), (0.5, true)]) - 0.5).abs() < 1e-12);
        assert!((auc(vec![(0.1, true), (0.5, false), (0.5, true)]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn refuses_missing_unknown_and_invalid_predictions() {
        let cohort = cohort(&[false, true]);
        let good = predicted("0", "0", "0.9");
        for wrong in [
            vec![good.clone()],
            vec![good.clone(), predicted("7", "1", "0.9")],
            vec![good.clone(), predicted("1", "1", "1.2")],
            vec![good.clone(), predicted("1", "yes", "0.9")],
            vec![good, predicted("1", "1", "NaN")],
        ] {
            assert!(super::score(&cohort, &wrong).is_err(), "{wrong:?}");
        }
    }
}
