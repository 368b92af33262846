//! What a set of predictions is worth.

use ndarray::Array2;

/// Figures of one set of predictions, or means over several.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Area under the ROC curve of the second class; two classes only.
    pub auc: Option<f64>,
    /// Mean over classes of the share of their samples that were recognised.
    pub balanced_accuracy: f64,
    /// Share of samples whose class was predicted.
    pub accuracy: f64,
    /// Precision per class, weighted with the class's share of the samples.
    pub precision: f64,
    /// Recall per class, weighted with the class's share of the samples.
    pub recall: f64,
    /// F1 per class, weighted with the class's share of the samples.
    pub f1: f64,
    /// Mean of −ln(probability given to the true class).
    pub log_loss: f64,
    /// Mean over samples of the squared distance between the probabilities and the truth, halved:
    /// 0 is perfect, for two classes it is the usual Brier score.
    pub brier: f64,
    /// Accuracy of always guessing the most frequent class.
    pub majority_accuracy: f64,
}

/// The ROC curve of one class against the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct RocCurve {
    /// Index of the class in the evaluation's classes.
    pub class: usize,
    /// (false positive rate, true positive rate), from (0, 0) to (1, 1), both ascending.
    pub points: Vec<(f64, f64)>,
    /// Area under it.
    pub auc: f64,
}

/// The class with the highest probability; of equal ones the first.
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

/// All figures of some predictions: `probabilities` is samples × classes, `targets` the true
/// classes, `confusion` and `roc` what the functions of this file made of them.
pub(crate) fn figures(
    probabilities: &Array2<f64>,
    targets: &[usize],
    confusion: &[Vec<usize>],
    roc: &[RocCurve],
) -> Figures {
    let classes = probabilities.ncols();
    let n = targets.len().max(1) as f64;
    let mut figures = Figures::default();
    let (mut recalls, mut present, mut right, mut most) = (0.0, 0.0, 0, 0);
    for class in 0..classes {
        let truly: usize = confusion[class].iter().sum();
        let predicted: usize = confusion.iter().map(|row| row[class]).sum();
        let hit = confusion[class][class];
        let ratio = |of: usize| if of == 0 { 0.0 } else { hit as f64 / of as f64 };
        let (precision, recall) = (ratio(predicted), ratio(truly));
        let f1 = if hit == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        let share = truly as f64 / n;
        figures.precision += share * precision;
        figures.recall += share * recall;
        figures.f1 += share * f1;
        if truly > 0 {
            recalls += recall;
            present += 1.0;
        }
        right += hit;
        most = most.max(truly);
    }
    figures.balanced_accuracy = if present > 0.0 { recalls / present } else { 0.0 };
    figures.accuracy = right as f64 / n;
    figures.majority_accuracy = most as f64 / n;
    for (row, &target) in probabilities.outer_iter().zip(targets) {
        figures.log_loss -= row[target].max(1e-15).ln() / n;
        let distance: f64 =
            row.iter().enumerate().map(|(c, p)| (p - f64::from(u8::from(c == target))).powi(2)).sum();
        figures.brier += distance / 2.0 / n;
    }
    figures.auc = if classes == 2 { roc.first().map(|curve| curve.auc) } else { None };
    figures
}

/// The curves of a set of predictions: the second class's for two classes, every class's for more;
/// none for a class that has no sample, or all.
pub(crate) fn roc_curves(probabilities: &Array2<f64>, targets: &[usize]) -> Vec<RocCurve> {
    let classes = probabilities.ncols();
    let drawn = if classes == 2 { 1..2 } else { 0..classes };
    drawn.filter_map(|class| roc_curve(class, probabilities, targets)).collect()
}

/// Samples of equal probability are one step of the curve, so ties count half (Fawcett 2006).
fn roc_curve(class: usize, probabilities: &Array2<f64>, targets: &[usize]) -> Option<RocCurve> {
    let mut scored: Vec<(f64, bool)> =
        probabilities.column(class).iter().zip(targets).map(|(&p, &target)| (p, target == class)).collect();
    let positives = scored.iter().filter(|(_, positive)| *positive).count();
    let negatives = scored.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut points = vec![(0.0, 0.0)];
    let (mut hits, mut alarms, mut auc) = (0_usize, 0_usize, 0.0);
    for step in scored.chunk_by(|a, b| a.0.to_bits() == b.0.to_bits()) {
        hits += step.iter().filter(|(_, positive)| *positive).count();
        alarms += step.iter().filter(|(_, positive)| !*positive).count();
        let point = (alarms as f64 / negatives as f64, hits as f64 / positives as f64);
        let last = points[points.len() - 1];
        auc += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        points.push(point);
    }
    Some(RocCurve { class, points, auc })
}

/// Mean and population standard deviation; zeros of nothing.
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
    fn figures_agree_with_a_case_worked_by_hand() {
        // Classes 0 0 0 1 1, predicted 0 0 1 1 0.
        let p = array![[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.6, 0.4]];
        let targets = [0, 0, 0, 1, 1];
        let confusion = confusion(&p, &targets);
        assert_eq!(confusion, vec![vec![2, 1], vec![1, 1]]);
        let roc = roc_curves(&p, &targets);
        let figures = figures(&p, &targets, &confusion, &roc);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(figures.accuracy, 0.6);
        close(figures.balanced_accuracy, f64::midpoint(2.0 / 3.0, 0.5));
        close(figures.precision, 0.6 * 2.0 / 3.0 + 0.4 * 0.5);
        close(figures.f1, 0.6 * 2.0 / 3.0 + 0.4 * 0.5);
        close(figures.majority_accuracy, 0.6);
        // Pairs (positive, negative) in the right order: .6 beats .1 .2, loses to .7; .4 the same.
        close(figures.auc.expect("two classes"), 4.0 / 6.0);
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
