//! The curves of the page: ROC, precision and recall, calibration, the probabilities of each class, and the score of each
//! iteration.
//!
//! Owns what each shows. Must not know how the numbers are computed: `roc`, `calibration` and `learning` do.

use maud::{Markup, html};

use super::super::format::{percent, short};
use super::super::roc::{self, ClassCurves};
use super::super::{RunReport, calibration};
use super::figure::{figure, legend};
use super::names::Names;
use super::plot::{Axis, Limit, Plot};
use crate::learning::Evaluation;

/// More curves could not be distinguished.
const MAX_CURVES: usize = 6;
/// Of a mean curve of 250 points, each fifth is drawn: the picture is 560 units wide.
const STEP: usize = 5;

/// The ROC curves with their areas.
pub(super) fn roc(evaluation: &Evaluation) -> Option<Markup> {
    let curves = roc::by_class(evaluation);
    let overall = roc::overall_auc(evaluation)?;
    let mut plot = Plot::new(Axis::share("False positive rate"), Axis::share("True positive rate"));
    plot.line([(0.0, 0.0), (1.0, 1.0)], "dashed");
    for (n, class) in curves.iter().enumerate().take(MAX_CURVES).rev() {
        if curves.len() == 1 && !class.band.is_empty() {
            let band: Vec<_> = class.band.iter().step_by(STEP).chain(class.band.last()).collect();
            let upper = band.iter().map(|point| (point.0, point.2));
            let lower = band.iter().rev().map(|point| (point.0, point.1));
            plot.area(upper.chain(lower), "c0");
        }
        plot.line(drawn(class), &format!("c{n}"));
    }
    let spread = overall.deviation.map_or(String::new(), |deviation| format!(" ± {}", short(deviation)));
    let table = html! {
        table {
            thead { tr { th scope="col" { "Class" } th scope="col" { "AUC" } th scope="col" { "±" } } }
            tbody { @for class in &curves {
                tr {
                    th scope="row" { (Names::class(&class.label)) }
                    td { (class.auc.map_or("-".to_owned(), |auc| short(auc.mean))) }
                    td { (class.auc.and_then(|auc| auc.deviation).map_or("-".to_owned(), short)) }
                }
            } }
        }
    };
    Some(html! {
        section id="roc" {
            h2 { "How well it separates the classes" }
            p {
                "AUC " strong { (short(overall.mean)) (spread) }
                ": the probability that a random sample of the class has a higher predicted probability than one of \
                 another class. 0.5 is guessing, 1 is perfect."
            }
            (figure(
                &html! {
                    (plot.draw(&format!("ROC curve; the area under it is {}.", short(overall.mean))))
                    @if curves.len() > 1 { (legend(curves.iter().take(MAX_CURVES).map(|class| Names::class(&class.label)))) }
                },
                &table,
                &html! { "The closer to the upper left corner, the better; the dashed line is guessing."
                    @if curves.len() == 1 && evaluation.iterations.len() > 1 { " The band is one standard deviation over the iterations." }
                },
            ))
        }
    })
}

/// The mean curve, thinned; a single curve as it was measured.
fn drawn(class: &ClassCurves) -> Vec<(f64, f64)> {
    let points = if class.each.len() == 1 { &class.each[0] } else { &class.mean };
    let step = if class.each.len() == 1 { points.len() / 200 + 1 } else { STEP };
    points.iter().take(2).chain(points.iter().skip(2).step_by(step)).chain(points.last()).copied().collect()
}

/// Precision over recall for all thresholds; two classes only.
pub(in crate::report) fn precision_recall_plot(evaluation: &Evaluation) -> Option<Plot> {
    let [_, _] = &evaluation.classes[..] else { return None };
    let counts = &evaluation.probabilities;
    let of_class = counts.members.iter().sum::<usize>();
    let share = of_class as f64 / (of_class + counts.others.iter().sum::<usize>()).max(1) as f64;
    let points: Vec<(f64, f64)> =
        (0..100).filter_map(|at| counts.flagged(at).recall().zip(counts.flagged(at).precision())).collect();
    if points.is_empty() {
        return None;
    }
    let mut plot = Plot::new(Axis::share("Recall"), Axis::share("Precision"));
    plot.limit(Limit::Y(share), "flagging by chance");
    plot.line(points.iter().copied(), "c0");
    Some(plot)
}

/// Precision over recall with its table; two classes only.
pub(super) fn precision_recall(evaluation: &Evaluation, names: &Names) -> Option<Markup> {
    let [_, class] = &names.classes[..] else { return None };
    let counts = &evaluation.probabilities;
    let plot = precision_recall_plot(evaluation)?;
    let table = html! {
        table {
            thead { tr { th scope="col" { "Threshold" } th scope="col" { "Recall" } th scope="col" { "Precision" } } }
            tbody { @for at in (0..100).step_by(10) {
                @let flagged = counts.flagged(at);
                tr {
                    th scope="row" { (at) " %" }
                    td { (flagged.recall().map_or("-".to_owned(), percent)) }
                    td { (flagged.precision().map_or("-".to_owned(), percent)) }
                }
            } }
        }
    };
    Some(html! {
        section id="precision-recall" {
            h2 { "Precision and recall" }
            (figure(&plot.draw("Precision over recall for all thresholds; the table has the numbers."), &table, &html! {
                "Each point is a threshold. Finding more of the samples that are " (class) " costs more false alarms."
            }))
        }
    })
}

/// The reliability diagram.
pub(super) fn calibration_curve(report: &RunReport<'_>, evaluation: &Evaluation) -> Option<Markup> {
    let assessment = calibration::assessment(report)?;
    let bins = calibration::bins(evaluation);
    let subject = calibration::subject(evaluation);
    let mut plot = Plot::new(
        Axis::share(format!("Predicted probability of {subject}")),
        Axis::share("Observed frequency"),
    );
    plot.line([(0.0, 0.0), (1.0, 1.0)], "dashed");
    for bin in &bins {
        let error = calibration::standard_error(bin, report);
        let (low, high) = ((bin.observed - error).max(0.0), (bin.observed + error).min(1.0));
        plot.line([(bin.predicted, low), (bin.predicted, high)], "error c0");
    }
    plot.line(bins.iter().map(|bin| (bin.predicted, bin.observed)), "c0");
    bins.iter().for_each(|bin| plot.dot((bin.predicted, bin.observed), "c0"));
    let table = html! {
        table {
            thead { tr { th scope="col" { "Predicted" } th scope="col" { "Observed" } th scope="col" { "Samples" } } }
            tbody { @for bin in &bins {
                tr { td { (percent(bin.predicted)) } td { (percent(bin.observed)) } td { (bin.samples) } }
            } }
        }
    };
    Some(html! {
        section id="calibration" {
            h2 { "Are the probabilities reliable?" }
            p { (assessment) }
            p class="small" {
                "Calibration error (ECE) " (short(evaluation.calibration.error)) ", Brier score " (short(evaluation.mean.brier))
                "; 0 is perfect."
            }
            (figure(&plot.draw("Observed frequency over predicted probability; the table has the numbers."), &table, &html! {
                "On the dashed line, a probability means what it says; bars are one standard error. Below the line, \
                 probabilities are too high."
            }))
        }
    })
}

/// The number of bars of the histogram.
const GROUPS: usize = 20;

/// Counts of neighbouring probabilities together.
fn grouped(counts: &[usize]) -> Vec<usize> {
    counts.chunks(counts.len().div_ceil(GROUPS).max(1)).map(|group| group.iter().sum()).collect()
}

/// What the two colours of the histogram show.
pub(in crate::report) fn probability_labels(names: &Names) -> [String; 2] {
    match &names.classes[..] {
        [other, class] => [class.clone(), other.clone()],
        _ => ["predicted rightly".to_owned(), "predicted wrongly".to_owned()],
    }
}

/// How often each probability is predicted, for each class.
pub(in crate::report) fn probability_plot(evaluation: &Evaluation, names: &Names) -> Plot {
    let counts = &evaluation.probabilities;
    let (members, others) = (grouped(&counts.members), grouped(&counts.others));
    let share = |count: usize, all: &[usize]| count as f64 / all.iter().sum::<usize>().max(1) as f64;
    let highest = members.iter().map(|&count| share(count, &members));
    let highest = highest.chain(others.iter().map(|&count| share(count, &others))).fold(0.0, f64::max);
    let x = match &names.classes[..] {
        [_, class] => format!("Predicted probability of {class}"),
        _ => "Probability of the predicted class".to_owned(),
    };
    let mut y = Axis::up_to("Share of the samples", highest.max(0.01));
    y.ticks.iter_mut().for_each(|(at, label)| *label = format!("{:.0} %", *at * 100.0));
    let mut plot = Plot::new(Axis::share(x), y);
    let width = 1.0 / GROUPS as f64;
    for at in 0..members.len().min(others.len()) {
        let left = at as f64 * width;
        let middle = left + width / 2.0;
        plot.bar((left + width * 0.08, middle), share(others[at], &others), "c1");
        plot.bar((middle, left + width * 0.92), share(members[at], &members), "c0");
    }
    plot
}

/// The histogram with its table.
pub(super) fn probabilities(evaluation: &Evaluation, names: &Names) -> Markup {
    let (members, others) =
        (grouped(&evaluation.probabilities.members), grouped(&evaluation.probabilities.others));
    let (plot, labels) = (probability_plot(evaluation, names), probability_labels(names));
    let table = html! {
        table {
            thead { tr { th scope="col" { "Probability" } th scope="col" { (labels[0]) } th scope="col" { (labels[1]) } } }
            tbody { @for at in 0..members.len().min(others.len()) {
                tr { th scope="row" { "from " (at * 100 / GROUPS) " %" } td { (members[at]) } td { (others[at]) } }
            } }
        }
    };
    html! {
        section id="probabilities" {
            h2 { "What it predicts" }
            (figure(
                &html! { (plot.draw("Histogram of the predicted probabilities for each class.")) (legend(labels.iter().cloned())) },
                &table,
                &html! { "The further apart the two colours, the better the model separates them." },
            ))
        }
    }
}

/// The score of each iteration beside Moodle's limits.
pub(super) fn iterations(report: &RunReport<'_>, evaluation: &Evaluation) -> Markup {
    let scores: Vec<f64> = evaluation.iterations.iter().map(|iteration| iteration.metrics.f1).collect();
    let n = scores.len() as f64;
    let ticks = (1..=scores.len()).step_by(scores.len() / 12 + 1);
    let x = Axis {
        name: "Iteration".to_owned(),
        low: 0.5,
        high: n + 0.5,
        ticks: ticks.map(|n| (n as f64, n.to_string())).collect(),
    };
    let mut plot = Plot::new(x, Axis::share("Score"));
    let (mean, spread) = (evaluation.mean.f1, evaluation.score_deviation);
    plot.area(
        [(0.5, mean - spread), (n + 0.5, mean - spread), (n + 0.5, mean + spread), (0.5, mean + spread)],
        "c0",
    );
    plot.line([(0.5, mean), (n + 0.5, mean)], "c0");
    plot.limit(Limit::Y(report.min_score), "required");
    for (at, &score) in scores.iter().enumerate() {
        plot.dot((at as f64 + 1.0, score), "c0");
    }
    let table = html! {
        table {
            thead { tr { th scope="col" { "Iteration" } th scope="col" { "Trained on" } th scope="col" { "Tested on" } th scope="col" { "Score" } th scope="col" { "AUC" } th scope="col" { "Log-loss" } } }
            tbody { @for (at, iteration) in evaluation.iterations.iter().enumerate() {
                tr {
                    th scope="row" { (at + 1) }
                    td { (iteration.training_samples) }
                    td { (iteration.test_samples) }
                    td { (short(iteration.metrics.f1)) }
                    td { (roc::iteration_auc(iteration).map_or("-".to_owned(), short)) }
                    td { (short(iteration.metrics.log_loss)) }
                }
            } }
        }
    };
    html! {
        section id="iterations" {
            h2 { "The score, and how much it varies" }
            p {
                "Score " strong { (short(mean)) @if scores.len() > 1 { " ± " (short(spread)) } }
                ". Moodle requires at least " (report.min_score) ", and a deviation of at most " (report.max_deviation) ". "
                "The score is the weighted F1, which combines precision and recall of all classes."
            }
            (figure(&plot.draw("The score of each iteration; the table has the numbers."), &table, &html! {
                @if report.rated_trained_model { "The trained model was tested once, on all samples." }
                @else { "In each iteration a new model learns four fifths of the samples, and is tested on the rest." }
            }))
        }
    }
}
