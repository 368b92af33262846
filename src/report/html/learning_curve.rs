//! Whether more samples would help.
//!
//! Owns what counts as help. Must not know how models of fewer samples were made.

use maud::{Markup, html};

use super::super::format::{percent, short};
use super::figure::figure;
use super::plot::{Axis, Plot};
use crate::learning::{Evaluation, LearningPoint};

/// When twice as many samples lower the log-loss by this share, more of them will probably help,
const HELPS: f64 = 0.03;
/// and by this share perhaps a little.
const HELPS_A_LITTLE: f64 = 0.01;

/// The section; nothing for few samples.
pub(super) fn section(evaluation: &Evaluation) -> Option<Markup> {
    let points = &evaluation.learning_curve;
    let [.., fewer, all] = &points[..] else { return None };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Training samples" }
                th scope="col" { "AUC" }
                th scope="col" { "Score" }
                th scope="col" { "Log-loss" }
            } }
            tbody { @for point in points {
                tr {
                    th scope="row" { (point.training_samples) }
                    td { (point.auc.map_or("-".to_owned(), short)) }
                    td { (short(point.score)) }
                    td { (short(point.log_loss)) }
                }
            } }
        }
    };
    Some(html! {
        section id="learning-curve" {
            h2 { "Would more data help?" }
            p { (sentence(fewer, all)) }
            (figure(&curve(points), &table, &html! {
                "Where the curve still rises at its right end, more samples help; where it is flat, they do not. Measured in \
                 the first test round or two, with models made in the same way from fewer samples."
            }))
        }
    })
}

fn sentence(fewer: &LearningPoint, all: &LearningPoint) -> String {
    let left = all.log_loss / fewer.log_loss;
    let gain = 1.0 - left;
    let (from, to) = (fewer.training_samples, all.training_samples);
    // From one point to the next, the samples can double more than once.
    let doublings = (to as f64 / from as f64).log2();
    let gain_of_doubling = 1.0 - left.powf(1.0 / doublings);
    if gain_of_doubling >= HELPS {
        format!(
            "Probably: from {from} to {to} training samples the error (log-loss) fell by {}. When more courses have \
             finished, a new evaluation will probably show a better result.",
            percent(gain)
        )
    } else if gain_of_doubling >= HELPS_A_LITTLE {
        format!(
            "Perhaps a little: from {from} to {to} training samples the error (log-loss) fell by {}.",
            percent(gain)
        )
    } else {
        format!(
            "Hardly: {to} training samples were about as good as {from}. Other indicators would help more than more \
             samples of the same kind."
        )
    }
}

fn curve(points: &[LearningPoint]) -> Markup {
    let areas: Option<Vec<f64>> = points.iter().map(|point| point.auc).collect();
    let (name, heights) = match areas {
        Some(areas) => ("AUC", areas),
        None => ("Score", points.iter().map(|point| point.score).collect()),
    };
    let sizes = points.iter().map(|point| point.training_samples as f64);
    let largest = sizes.clone().fold(1.0, f64::max);
    let mut plot = Plot::new(Axis::up_to("Training samples", largest), Axis::around(name, &heights));
    let placed: Vec<(f64, f64)> = sizes.zip(heights).collect();
    plot.line(placed.iter().copied(), "c0");
    placed.iter().for_each(|&point| plot.dot(point, "c0"));
    plot.draw(&format!("{name} over the number of training samples; the table has the numbers."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;
    use rstest::rstest;

    #[rstest]
    #[case::falling(0.40, 0.36, "Probably: from 760 to 1523")]
    #[case::nearly_flat(0.40, 0.395, "Perhaps a little")]
    #[case::flat(0.40, 0.40, "Hardly")]
    #[case::worse(0.40, 0.41, "Hardly")]
    fn the_end_of_the_curve_decides(#[case] half: f64, #[case] all: f64, #[case] expected: &str) {
        let mut evaluation = fixtures::evaluation(2, 3);
        let points = &mut evaluation.learning_curve;
        let last = points.len() - 1;
        (points[last - 1].log_loss, points[last].log_loss) = (half, all);
        let page = section(&evaluation).expect("a curve").into_string();
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn a_gain_over_two_doublings_counts_for_one() {
        let mut evaluation = fixtures::evaluation(2, 3);
        let points = &mut evaluation.learning_curve;
        points.remove(points.len() - 2);
        let last = points.len() - 1;
        (points[last - 1].log_loss, points[last].log_loss) = (0.42, 0.40);
        let page = section(&evaluation).expect("a curve").into_string();
        assert!(page.contains("Perhaps a little: from 380 to 1523"), "{page}");
    }

    #[test]
    fn few_samples_have_no_section() {
        let mut evaluation = fixtures::evaluation(2, 3);
        evaluation.learning_curve.clear();
        assert!(section(&evaluation).is_none());
    }
}
