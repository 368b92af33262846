//! ROC curves, averaged over the iterations.
//!
//! Owns the numbers. Must not know how they are drawn: the chart does that.

use crate::learning::{Evaluation, Iteration, RocCurve};

/// The number of false positive rates, beside 0, at which the mean is taken.
const STEPS: u32 = 250;
/// All iterations count in the mean, but only the curves of this number of them are kept to be drawn.
const MAX_DRAWN_ITERATIONS: usize = 20;

/// A mean over iterations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub mean: f64,
    /// Population standard deviation; `None` for a single value.
    pub deviation: Option<f64>,
}

/// The curves of one class against the rest.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ClassCurves {
    /// The label of the class, from the dataset.
    pub label: String,
    /// The number of iterations with a curve.
    pub iterations: usize,
    /// The curves of the first of them: ascending, within the unit square.
    pub each: Vec<Vec<(f64, f64)>>,
    /// Their mean, from (0, 0) to (1, 1).
    pub mean: Vec<(f64, f64)>,
    /// (false positive rate, low, high): the mean minus and plus one deviation; empty for a single curve.
    pub band: Vec<(f64, f64, f64)>,
    /// Area under the curves; `None` if it is finite in no iteration.
    pub auc: Option<Spread>,
}

/// The curves of each class with any, in the order of the classes.
pub(super) fn by_class(evaluation: &Evaluation) -> Vec<ClassCurves> {
    let all: Vec<&RocCurve> = evaluation.iterations.iter().flat_map(|i| &i.roc).collect();
    let mut classes: Vec<usize> = all.iter().map(|curve| curve.class).collect();
    classes.sort_unstable();
    classes.dedup();
    let curves_of = |class: usize| {
        let curves: Vec<&RocCurve> = all.iter().copied().filter(|c| c.class == class).collect();
        let label = evaluation.classes.get(class).cloned().unwrap_or_else(|| format!("#{class}"));
        average(label, &curves)
    };
    classes.into_iter().filter_map(curves_of).collect()
}

/// The main figure of the chart: the area of the second of two classes, or the macro average of more
/// classes.
pub(super) fn overall_auc(evaluation: &Evaluation) -> Option<Spread> {
    let measured = spread(evaluation.iterations.iter().filter_map(iteration_auc))?;
    match evaluation.mean.auc.filter(|auc| auc.is_finite()) {
        Some(mean) => Some(Spread { mean, deviation: measured.deviation.and(evaluation.auc_deviation) }),
        None => Some(measured),
    }
}

/// The area of one iteration: its figure for two classes, the mean over its curves for more.
pub(super) fn iteration_auc(iteration: &Iteration) -> Option<f64> {
    let over_curves = || spread(iteration.roc.iter().map(|curve| curve.auc)).map(|spread| spread.mean);
    iteration.metrics.auc.filter(|auc| auc.is_finite()).or_else(over_curves)
}

fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return None;
    }
    let (mean, deviation) = mean_and_deviation(&values);
    Some(Spread { mean, deviation: (values.len() > 1).then_some(deviation) })
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// Vertical averaging: the mean of the true positive rates at each of a grid of false positive rates.
fn average(label: String, curves: &[&RocCurve]) -> Option<ClassCurves> {
    let mut class =
        ClassCurves { label, auc: spread(curves.iter().map(|curve| curve.auc)), ..ClassCurves::default() };
    let mut heights: Vec<Vec<f64>> = vec![Vec::new(); STEPS as usize + 1];
    for curve in curves {
        let points = tidy(&curve.points);
        if points.len() < 2 {
            continue;
        }
        for (step, heights) in (0..).zip(&mut heights) {
            heights.push(height(&points, rate(step)));
        }
        class.iterations += 1;
        // A curve can have as many points as the dataset has samples: only the curves to draw are kept.
        if class.each.len() < MAX_DRAWN_ITERATIONS {
            class.each.push(points);
        }
    }
    class.mean.push((0.0, 0.0));
    for (step, heights) in (0..).zip(&heights) {
        let (y, deviation) = mean_and_deviation(heights);
        class.mean.push((rate(step), y));
        if class.iterations > 1 {
            class.band.push((rate(step), (y - deviation).max(0.0), (y + deviation).min(1.0)));
        }
    }
    class.mean.push((1.0, 1.0));
    (class.iterations > 0).then_some(class)
}

fn rate(step: u32) -> f64 {
    f64::from(step) / f64::from(STEPS)
}

/// The finite points, within the unit square and ascending.
fn tidy(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .map(|(x, y)| (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points
}

/// The height of the curve at `x`; at a vertical step, its upper end.
fn height(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= x);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some((_, y)), None) => y,
        (None, Some((x1, y1))) => y1 * x / x1,
        (None, None) => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn interpolates_the_height_of_a_curve_and_takes_the_top_of_a_step() {
        let curve = [(0.0, 0.0), (0.0, 0.4), (0.5, 0.8), (1.0, 1.0)];
        for (x, y) in [(0.0, 0.4), (0.25, 0.6), (0.5, 0.8), (1.0, 1.0)] {
            assert!((height(&curve, x) - y).abs() < 1e-12, "at {x}");
        }
    }

    #[test]
    fn averages_two_curves_with_a_band_around_the_mean() {
        let mut evaluation = fixtures::evaluation(2, 2);
        evaluation.iterations[0].roc[0].points = vec![(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
        evaluation.iterations[1].roc[0].points = vec![(0.0, 0.0), (1.0, 1.0)];
        let curves = by_class(&evaluation);
        assert_eq!(curves.len(), 1);
        let at = |x: f64| {
            curves[0].band.iter().find(|p| (p.0 - x).abs() < 1e-9).copied().expect("the band covers it")
        };
        let (_, low, high) = at(0.5);
        assert!((low - 0.5).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
        assert_eq!((curves[0].mean.first(), curves[0].mean.last()), (Some(&(0.0, 0.0)), Some(&(1.0, 1.0))));
    }

    #[test]
    fn a_single_curve_has_no_band_and_no_deviation() {
        let curves = by_class(&fixtures::evaluation(2, 1));
        assert!(curves[0].band.is_empty());
        assert_eq!(curves[0].auc.expect("both classes were tested").deviation, None);
    }

    #[test]
    fn averages_all_iterations_but_keeps_only_some_curves() {
        let mut evaluation = fixtures::evaluation(2, MAX_DRAWN_ITERATIONS * 2);
        for iteration in evaluation.iterations.iter_mut().skip(MAX_DRAWN_ITERATIONS) {
            iteration.roc[0].points = vec![(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
        }
        let class = &by_class(&evaluation)[0];
        assert_eq!((class.iterations, class.each.len()), (MAX_DRAWN_ITERATIONS * 2, MAX_DRAWN_ITERATIONS));
        assert!(class.mean[1].1 >= 0.5, "the later half starts at the top");
    }

    #[test]
    fn three_classes_have_three_curves_and_a_macro_average() {
        let evaluation = fixtures::evaluation(3, 4);
        let curves = by_class(&evaluation);
        assert_eq!(curves.iter().map(|c| c.label.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
        let mean = curves.iter().map(|c| c.auc.expect("each class was tested").mean).sum::<f64>() / 3.0;
        assert!((overall_auc(&evaluation).expect("all classes were tested").mean - mean).abs() < 1e-9);
    }
}
