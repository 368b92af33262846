//! Metrics of a set of predictions: accuracy, F1, AUC, log-loss, Brier score, ROC curves.
//!
//! Must not know which model predicted them.

use ndarray::Array2;
use serde::Serialize;

/// A ROC curve keeps about this many points; its area is computed of all.
const MAX_POINTS: usize = 2_000;

/// The metrics of one set of predictions, or means over several. All but the log-loss are between 0 and 1.
///
/// Reports are written with these field names.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Metrics {
    /// Area under the ROC curve of the second class; two classes only.
    pub auc: Option<f64>,
    /// The mean recall of the classes that have a sample.
    pub balanced_accuracy: f64,
    /// Share of samples whose class was predicted.
    pub accuracy: f64,
    /// Precision per class, weighted with the class's share of the samples.
    pub precision: f64,
    /// Recall per class, weighted with the class's share of the samples.
    pub recall: f64,
    /// F1 per class, weighted with the class's share of the samples.
    pub f1: f64,
    /// Mean of −ln(probability of the true class), with probabilities of at least 1e-15.
    pub log_loss: f64,
    /// Mean over samples of the squared distance between the probabilities and the truth, halved:
    /// 0 is perfect, for two classes it is the usual Brier score.
    pub brier: f64,
    /// Accuracy of always guessing the most frequent class.
    pub majority_accuracy: f64,
    /// Matthews' correlation coefficient of true and predicted classes, −1 to 1 (Gorodkin 2004 for more than two classes); 0
    /// when all are, or are predicted to be, of one class.
    pub mcc: f64,
    /// Average precision of the second class: the mean of the precision at each threshold, weighted with the increase of recall;
    /// two classes only, and `None` without a sample of the second.
    pub average_precision: Option<f64>,
}

/// The metrics of one class against the rest. Reports are written with these field names.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClassMetrics {
    /// Of the samples predicted to be of the class, the share that are; 0 when none was predicted.
    pub precision: f64,
    /// Of the samples of the class, the share that were predicted to be.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The number of test samples of the class, in all iterations together.
    pub support: usize,
    /// Area under the ROC curve; `None` when all test samples, or none, are of the class.
    pub auc: Option<f64>,
}

/// The ROC curve of one class against the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurve {
    /// Index of the class in the evaluation's classes.
    pub class: usize,
    /// (false positive rate, true positive rate), from (0, 0) to (1, 1), both ascending; an even choice when the curve
    /// has many points.
    pub points: Vec<(f64, f64)>,
    /// Area under it.
    pub auc: f64,
}

/// The index of the class with the highest probability; the first of equal ones.
///
/// ```
/// use learner::learning::most_probable;
///
/// assert_eq!(most_probable(&[0.25, 0.5, 0.25]), 1);
/// assert_eq!(most_probable(&[0.5, 0.5]), 0);
/// ```
#[must_use]
pub fn most_probable(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[best] {
            best = class;
        }
    }
    best
}

/// Counts of samples: rows are true classes, columns predicted ones.
pub(crate) fn confusion(probabilities: &Array2<f64>, targets: &[usize]) -> Vec<Vec<usize>> {
    let classes = probabilities.ncols();
    let mut counts = vec![vec![0; classes]; classes];
    for (row, &target) in probabilities.outer_iter().zip(targets) {
        counts[target][most_probable(&row.to_vec())] += 1;
    }
    counts
}

/// Mean of −ln(probability of the true class), with probabilities of at least 1e-15.
pub(super) fn log_loss(probabilities: &Array2<f64>, targets: &[usize]) -> f64 {
    let losses = probabilities.outer_iter().zip(targets).map(|(row, &target)| -row[target].max(1e-15).ln());
    losses.sum::<f64>() / targets.len().max(1) as f64
}

/// The metrics of each class, of the results of [`confusion`] and [`roc_curves`].
pub(crate) fn class_metrics(confusion: &[Vec<usize>], roc: &[RocCurve]) -> Vec<ClassMetrics> {
    let classes = confusion.len();
    // The curve of the first of two classes is the second's, mirrored: its area is the same.
    let drawn = |class: usize| if classes == 2 { 1 } else { class };
    let auc = |class: usize| roc.iter().find(|curve| curve.class == drawn(class)).map(|curve| curve.auc);
    (0..classes)
        .map(|class| {
            let support: usize = confusion[class].iter().sum();
            let predicted: usize = confusion.iter().map(|row| row[class]).sum();
            let hit = confusion[class][class];
            let ratio = |of: usize| if of == 0 { 0.0 } else { hit as f64 / of as f64 };
            let (precision, recall) = (ratio(predicted), ratio(support));
            let f1 = if hit == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
            ClassMetrics { precision, recall, f1, support, auc: auc(class) }
        })
        .collect()
}

/// Means over iterations, each of which has an entry for each class. A class counts in the iterations in which it has a
/// sample.
pub(crate) fn mean_class_metrics(each: &[&[ClassMetrics]]) -> Vec<ClassMetrics> {
    let classes = each.first().map_or(0, |iteration| iteration.len());
    (0..classes)
        .map(|class| {
            let of_class = each.iter().map(|iteration| &iteration[class]);
            let tested: Vec<&ClassMetrics> = of_class.filter(|metrics| metrics.support > 0).collect();
            let mean = |metric: fn(&ClassMetrics) -> f64| {
                mean_and_deviation(&tested.iter().map(|metrics| metric(metrics)).collect::<Vec<_>>()).0
            };
            let areas: Vec<f64> = tested.iter().filter_map(|metrics| metrics.auc).collect();
            ClassMetrics {
                precision: mean(|metrics| metrics.precision),
                recall: mean(|metrics| metrics.recall),
                f1: mean(|metrics| metrics.f1),
                support: tested.iter().map(|metrics| metrics.support).sum(),
                auc: (!areas.is_empty()).then(|| mean_and_deviation(&areas).0),
            }
        })
        .collect()
}

/// All metrics of some predictions: `probabilities` is samples × classes, `targets` the true classes, `each` the metrics
/// of the classes.
pub(crate) fn overall_metrics(
    probabilities: &Array2<f64>,
    targets: &[usize],
    confusion: &[Vec<usize>],
    each: &[ClassMetrics],
) -> Metrics {
    let n = targets.len().max(1) as f64;
    let mut metrics = Metrics::default();
    let (mut recalls, mut present, mut right, mut largest) = (0.0, 0.0, 0, 0);
    for (class, own) in each.iter().enumerate() {
        let share = own.support as f64 / n;
        metrics.precision += share * own.precision;
        metrics.recall += share * own.recall;
        metrics.f1 += share * own.f1;
        if own.support > 0 {
            recalls += own.recall;
            present += 1.0;
        }
        right += confusion[class][class];
        largest = largest.max(own.support);
    }
    metrics.balanced_accuracy = if present > 0.0 { recalls / present } else { 0.0 };
    metrics.accuracy = right as f64 / n;
    metrics.majority_accuracy = largest as f64 / n;
    metrics.log_loss = log_loss(probabilities, targets);
    for (row, &target) in probabilities.outer_iter().zip(targets) {
        let distance: f64 =
            row.iter().enumerate().map(|(c, p)| (p - f64::from(u8::from(c == target))).powi(2)).sum();
        metrics.brier += distance / 2.0 / n;
    }
    metrics.mcc = matthews(confusion);
    if each.len() == 2 {
        metrics.auc = each[1].auc;
        metrics.average_precision = average_precision(probabilities, targets);
    }
    metrics
}

/// Matthews' correlation coefficient.
fn matthews(confusion: &[Vec<usize>]) -> f64 {
    let actual: Vec<f64> = confusion.iter().map(|row| row.iter().sum::<usize>() as f64).collect();
    let column = |class: usize| confusion.iter().map(|row| row[class]).sum::<usize>() as f64;
    let predicted: Vec<f64> = (0..confusion.len()).map(column).collect();
    let n: f64 = actual.iter().sum();
    let right: f64 = (0..confusion.len()).map(|class| confusion[class][class] as f64).sum();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let spread = |counts: &[f64]| n * n - product(counts, counts);
    let length = (spread(&actual) * spread(&predicted)).sqrt();
    if length > 0.0 { (right * n - product(&actual, &predicted)) / length } else { 0.0 }
}

/// The average precision of the second of two classes.
fn average_precision(probabilities: &Array2<f64>, targets: &[usize]) -> Option<f64> {
    let scored = ranked(1, probabilities, targets);
    let positives = scored.iter().filter(|(_, positive)| *positive).count();
    let (mut flagged, mut found, mut sum) = (0_usize, 0_usize, 0.0);
    for step in scored.chunk_by(|a, b| a.0.to_bits() == b.0.to_bits()) {
        let hits = step.iter().filter(|(_, positive)| *positive).count();
        flagged += step.len();
        found += hits;
        sum += hits as f64 / positives as f64 * found as f64 / flagged as f64;
    }
    (positives > 0).then_some(sum)
}

/// The probability of a class for each sample, and whether the sample is of it; highest first.
fn ranked(class: usize, probabilities: &Array2<f64>, targets: &[usize]) -> Vec<(f64, bool)> {
    let mut scored: Vec<(f64, bool)> =
        probabilities.column(class).iter().zip(targets).map(|(&p, &target)| (p, target == class)).collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    scored
}

/// The curves of a set of predictions: the second class's for two classes, every class's for more; none for a class
/// that has no sample, or all.
pub(crate) fn roc_curves(probabilities: &Array2<f64>, targets: &[usize]) -> Vec<RocCurve> {
    let classes = probabilities.ncols();
    let drawn = if classes == 2 { 1..2 } else { 0..classes };
    drawn.filter_map(|class| roc_curve(class, probabilities, targets)).collect()
}

/// Samples of equal probability are one step of the curve, so ties count half (Fawcett 2006).
fn roc_curve(class: usize, probabilities: &Array2<f64>, targets: &[usize]) -> Option<RocCurve> {
    let scored = ranked(class, probabilities, targets);
    let positives = scored.iter().filter(|(_, positive)| *positive).count();
    let negatives = scored.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut points = vec![(0.0, 0.0)];
    let (mut true_positives, mut false_positives, mut auc) = (0_usize, 0_usize, 0.0);
    for step in scored.chunk_by(|a, b| a.0.to_bits() == b.0.to_bits()) {
        let hits = step.iter().filter(|(_, positive)| *positive).count();
        true_positives += hits;
        false_positives += step.len() - hits;
        let point = (false_positives as f64 / negatives as f64, true_positives as f64 / positives as f64);
        let last = points[points.len() - 1];
        auc += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        points.push(point);
    }
    Some(RocCurve { class, points: evenly(points), auc })
}

/// At most about [`MAX_POINTS`] of the points, with the first and the last: more are not visible, and those of many
/// iterations of a large dataset would exhaust the memory.
fn evenly(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= MAX_POINTS {
        return points;
    }
    let last = points.len() - 1;
    (0..=MAX_POINTS).map(|at| points[at * last / MAX_POINTS]).collect()
}

/// Mean and population standard deviation; zeros for no numbers.
pub(crate) fn mean_and_deviation(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn metrics_agree_with_a_case_computed_by_hand() {
        // Classes 0 0 0 1 1, predicted 0 0 1 1 0.
        let p = array![[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.6, 0.4]];
        let targets = [0, 0, 0, 1, 1];
        let confusion = confusion(&p, &targets);
        assert_eq!(confusion, vec![vec![2, 1], vec![1, 1]]);
        let roc = roc_curves(&p, &targets);
        let each = class_metrics(&confusion, &roc);
        let metrics = overall_metrics(&p, &targets, &confusion, &each);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(metrics.accuracy, 0.6);
        close(metrics.balanced_accuracy, f64::midpoint(2.0 / 3.0, 0.5));
        close(metrics.precision, 0.6 * 2.0 / 3.0 + 0.4 * 0.5);
        close(metrics.f1, 0.6 * 2.0 / 3.0 + 0.4 * 0.5);
        close(metrics.majority_accuracy, 0.6);
        // Pairs (positive, negative) in the right order: .6 beats .1 .2, loses to .7; .4 the same.
        close(metrics.auc.expect("two classes"), 4.0 / 6.0);
        assert_eq!((each[0].support, each[1].support), (3, 2));
        close(each[0].precision, 2.0 / 3.0);
        close(each[1].recall, 0.5);
        close(each[0].auc.expect("two classes"), 4.0 / 6.0);
        // tp = 1, tn = 2, fp = 1, fn = 1: (2 − 1) / √(2 · 2 · 3 · 3).
        close(metrics.mcc, 1.0 / 6.0);
        // In the order of class 1's probability: .7 (0), .6 (1), .4 (1), ….
        close(metrics.average_precision.expect("two classes"), f64::midpoint(1.0 / 2.0, 2.0 / 3.0));
    }

    #[test]
    fn a_class_counts_in_the_iterations_that_have_samples_of_it() {
        let own = |recall, support, auc| ClassMetrics { recall, support, auc, ..ClassMetrics::default() };
        let (first, second) = ([own(0.5, 2, Some(0.75))], [own(0.0, 0, None)]);
        let mean = mean_class_metrics(&[&first, &second]);
        assert_eq!(mean, [own(0.5, 2, Some(0.75))]);
    }

    #[test]
    fn a_curve_of_many_points_keeps_its_ends_and_its_area() {
        let n = 10_000;
        let p = Array2::from_shape_fn((n, 2), |(row, class)| {
            let second = row as f64 / n as f64;
            if class == 1 { second } else { 1.0 - second }
        });
        let targets: Vec<usize> = (0..n).map(|row| usize::from(row * row % 7 == 1)).collect();
        let curve = &roc_curves(&p, &targets)[0];
        assert!(curve.points.len() <= MAX_POINTS + 1);
        assert_eq!((curve.points[0], curve.points[curve.points.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        let area: f64 =
            curve.points.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[0].1, w[1].1)).sum();
        assert!((area - curve.auc).abs() < 1e-3);
    }

    #[test]
    fn equal_probabilities_give_an_auc_of_one_half() {
        let p = array![[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]];
        let roc = roc_curves(&p, &[0, 1, 1]);
        assert_eq!(roc[0].points, [(0.0, 0.0), (1.0, 1.0)]);
        assert!((roc[0].auc - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_class_without_samples_has_no_curve() {
        let p = array![[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]];
        let classes: Vec<usize> = roc_curves(&p, &[0, 2]).iter().map(|curve| curve.class).collect();
        assert_eq!(classes, [0, 2]);
    }
}
