//! How good predictions are, for who knows the truth.

use std::collections::HashMap;

use super::DemoError;
use super::students::Cohort;

/// What predictions were worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// Share of right predictions.
    pub(super) accuracy: f64,
    /// Share of right predictions if everybody were said to stay.
    pub(super) baseline: f64,
    /// The chance that a drop-out was given a higher risk than one who stays.
    pub(super) auc: f64,
    /// How many predictions were judged.
    pub(super) samples: usize,
}

/// A prediction as Moodle reads it: sample id, class, the class's probability.
pub(super) type Predicted = (String, String, String);

/// Compares predictions with the truth; every sample must have one, in the order of the file.
pub(super) fn judge(cohort: &Cohort, predictions: &[Predicted]) -> Result<Score, DemoError> {
    let surprise = |text: String| Err(DemoError::Surprise(text));
    if predictions.len() != cohort.truth.len() {
        return surprise(format!("{} samples got {} predictions.", cohort.truth.len(), predictions.len()));
    }
    let truth: HashMap<&str, bool> =
        cohort.truth.iter().map(|(id, outcome)| (id.as_str(), *outcome)).collect();
    let mut right = 0;
    let mut risks = Vec::with_capacity(predictions.len());
    for (id, class, probability) in predictions {
        let Some(&drops_out) = truth.get(id.as_str()) else {
            return surprise(format!("There is a prediction for {id}, which was not asked for."));
        };
        let (predicted, risk) = match (class.as_str(), probability.parse::<f64>()) {
            ("1", Ok(p)) if (0.0..=1.0).contains(&p) => (true, p),
            ("0", Ok(p)) if (0.0..=1.0).contains(&p) => (false, 1.0 - p),
            _ => return surprise(format!("The prediction for {id} is {class:?} at {probability:?}.")),
        };
        right += usize::from(predicted == drops_out);
        risks.push((risk, drops_out));
    }
    let at_risk = cohort.truth.iter().filter(|(_, drops_out)| *drops_out).count();
    let samples = risks.len();
    Ok(Score {
        accuracy: right as f64 / samples as f64,
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

    fn predicted(id: &str, class: &str, probability: &str) -> Predicted {
        (id.to_owned(), class.to_owned(), probability.to_owned())
    }

    #[test]
    fn the_probability_is_that_of_the_predicted_class() {
        let predictions =
            [predicted("0", "0", "0.9"), predicted("1", "1", "0.8"), predicted("2", "0", "0.6")];
        let score = judge(&cohort(&[false, true, true]), &predictions).expect("a score");
        assert!((score.accuracy - 2.0 / 3.0).abs() < 1e-12, "{score:?}");
        assert!((score.auc - 1.0).abs() < 1e-12, "{score:?}");
    }

    #[test]
    fn equal_risks_count_half() {
        assert!((auc(vec![(0.5, false), (0.5, true)]) - 0.5).abs() < 1e-12);
        assert!((auc(vec![(0.1, true), (0.5, false), (0.5, true)]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn missing_foreign_and_impossible_predictions_are_noticed() {
        let cohort = cohort(&[false, true]);
        let good = predicted("0", "0", "0.9");
        for wrong in [
            vec![good.clone()],
            vec![good.clone(), predicted("7", "1", "0.9")],
            vec![good.clone(), predicted("1", "1", "1.2")],
            vec![good.clone(), predicted("1", "yes", "0.9")],
            vec![good, predicted("1", "1", "NaN")],
        ] {
            assert!(judge(&cohort, &wrong).is_err(), "{wrong:?}");
        }
    }
}
