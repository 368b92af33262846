//! Synthetic evaluations for the tests of reports.

use super::{DatasetFacts, RunReport};
use crate::learning::{
    Calibration, CalibrationBin, ClassMetrics, Drift, Evaluation, FeatureDrift, FeatureImportance,
    GroupErrors, GroupMetrics, Iteration, LearningPoint, Metrics, ProbabilityCounts, Rate, RocCurve,
};

pub(super) const INFO: &str = "A sentence for the administrator.";

/// A report of `evaluation` with plausible facts.
pub(super) fn report(evaluation: Option<&Evaluation>, status: u8) -> RunReport<'_> {
    static TEXT: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec![INFO.to_owned()]);
    RunReport {
        run: "1795231887123".to_owned(),
        started: "2026-11-21T06:14:03.25Z".parse().expect("a time"),
        finished: "2026-11-21T06:14:05.35Z".parse().expect("a time"),
        dataset: DatasetFacts {
            samples: 1904,
            features: 365,
            varying_features: 60,
            class_counts: vec![("0".to_owned(), 1632), ("1".to_owned(), 272)],
            time_splitting: Some("\\core\\analytics\\time_splitting\\quarters".to_owned()),
            target: Some("\\core_course\\analytics\\target\\course_dropout".to_owned()),
        },
        quality: None,
        drift: None,
        previous: None,
        min_score: 0.7,
        max_deviation: 0.05,
        evaluation,
        status,
        info: TEXT.as_slice(),
        rated_trained_model: false,
    }
}

/// An evaluation of `classes` classes.
pub(super) fn evaluation(classes: usize, iterations: usize) -> Evaluation {
    let iterations: Vec<_> = (0..iterations).map(|n| iteration(classes, n)).collect();
    Evaluation {
        classes: (0..classes).map(|c| c.to_string()).collect(),
        mean: iterations[0].metrics.clone(),
        requested_iterations: iterations.len(),
        per_class: per_class(classes),
        calibration: calibration(),
        probabilities: probabilities(),
        importance: vec![FeatureImportance {
            feature: r"\mod_forum\analytics\indicator\cognitive_depth".to_owned(),
            loss_increase: 0.2,
            deviation: 0.01,
            direction: Some(-0.6),
        }],
        learning_curve: learning_curve(classes),
        groups: None,
        auc_deviation: (classes == 2).then_some(0.021),
        score_deviation: 0.0123,
        grouped_score: None,
        iterations,
    }
}

fn learning_curve(classes: usize) -> Vec<LearningPoint> {
    let point = |(training_samples, error): (usize, f64)| LearningPoint {
        training_samples,
        score: 0.9 - error / 10.0,
        auc: (classes == 2).then_some(0.95 - error / 4.0),
        log_loss: error,
    };
    [(190, 0.5), (380, 0.42), (760, 0.37), (1_523, 0.33)].map(point).to_vec()
}

/// One feature has changed, another has not.
pub(super) fn drift() -> Drift {
    let changed = FeatureDrift {
        feature: r"\mod_forum\analytics\indicator\cognitive_depth".to_owned(),
        psi: 0.4,
        by_chance: 0.02,
        mean_before: 0.2,
        mean_now: Some(0.6),
        missing_before: 0.1,
        missing_now: 0.4,
    };
    let same = FeatureDrift { psi: 0.01, mean_now: Some(0.2), missing_now: 0.1, ..changed.clone() };
    Drift { overall: 0.205, training_samples: 900, features: vec![changed, same] }
}

/// Two groups that differ in recall, and a hidden one.
pub(super) fn groups() -> GroupErrors {
    let rate = |value: f64| Rate { value, low: value - 0.1, high: value + 0.05 };
    let group = |group: &str, recall: f64| GroupMetrics {
        group: group.to_owned(),
        samples: 120,
        accuracy: rate(0.85),
        recall: Some(rate(recall)),
        false_positive_rate: Some(rate(0.2)),
        predicted: 0.3,
        observed: rate(0.31),
    };
    GroupErrors { column: "range/0".to_owned(), groups: vec![group("-1", 0.9), group("1", 0.6)], hidden: 1 }
}

fn iteration(classes: usize, n: usize) -> Iteration {
    // Every ten iterations differ.
    let variation = (n % 10) as f64 / 500.0;
    let with_curve: Vec<usize> = if classes == 2 { vec![1] } else { (0..classes).collect() };
    let roc: Vec<_> = with_curve.into_iter().map(|class| curve(class, variation)).collect();
    Iteration {
        training_samples: 1523,
        test_samples: 381,
        metrics: Metrics {
            auc: (classes == 2).then(|| roc[0].auc),
            balanced_accuracy: 0.71 + variation,
            accuracy: 0.86 + variation,
            precision: 0.84 + variation,
            recall: 0.86 + variation,
            f1: 0.85 + variation,
            log_loss: 0.33 - variation,
            brier: 0.1 - variation,
            majority_accuracy: 0.857,
            mcc: 0.42,
            average_precision: (classes == 2).then_some(0.7),
        },
        per_class: per_class(classes),
        calibration: calibration(),
        roc,
        confusion: (0..classes)
            .map(|t| (0..classes).map(|p| if t == p { 100 } else { 7 }).collect())
            .collect(),
        decisions: vec!["Penalty 0.3, chosen by 5-fold cross-validated log-loss.".to_owned()],
    }
}

/// 10 members and 30 others with 25 %, 20 members and 5 others with 75 %.
fn probabilities() -> ProbabilityCounts {
    let mut counts = ProbabilityCounts { members: vec![0; 100], others: vec![0; 100] };
    (counts.members[25], counts.others[25], counts.members[75], counts.others[75]) = (10, 30, 20, 5);
    counts
}

fn per_class(classes: usize) -> Vec<ClassMetrics> {
    let metrics = |class: usize| {
        let rarer = 1.0 / (class + 1) as f64;
        ClassMetrics {
            precision: 0.9 * rarer,
            recall: 0.8 * rarer,
            f1: 0.847 * rarer,
            support: 381,
            auc: Some(0.9),
        }
    };
    (0..classes).map(metrics).collect()
}

/// Slightly overconfident.
fn calibration() -> Calibration {
    let bin = |at: u32| {
        let predicted = 0.03 + 0.1 * f64::from(at);
        CalibrationBin { predicted, observed: 0.5 + (predicted - 0.5) * 0.93, samples: 381 }
    };
    Calibration { bins: (0..10).map(bin).collect(), error: 0.017 }
}

/// The curve tpr = fpr^skill.
fn curve(class: usize, variation: f64) -> RocCurve {
    let skill = 0.16 + 0.11 * class as f64 + 10.0 * variation;
    let points: Vec<_> = (0..=46).map(|step| f64::from(step) / 46.0).map(|x| (x, x.powf(skill))).collect();
    let auc = points.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[0].1, w[1].1)).sum();
    RocCurve { class, points, auc }
}
