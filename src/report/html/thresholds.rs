//! What a decision threshold does: of the flagged samples, how many rightly, and of the true ones, how many are found.
//!
//! Owns the thresholds that are shown. Must not know how the counts were made.

use maud::{Markup, html};

use super::super::format::percent;
use super::figure::{figure, legend};
use super::names::Names;
use super::plot::{Axis, Limit, Plot};
use crate::learning::{Evaluation, Flagged, ProbabilityCounts};

/// Moodle ignores predictions below this probability (its `PREDICTION_MIN_SCORE`).
const MOODLES: usize = 60;
/// With fewer flagged samples, precision is chance, and is not drawn.
const MIN_FLAGGED: usize = 10;
/// The rows of the table.
const TABLE: [usize; 7] = [30, 40, 50, MOODLES, 70, 80, 90];

/// The names of the lines.
pub(in crate::report) const LINES: [&str; 2] = ["flagged rightly (precision)", "found (recall)"];

/// The section; two classes only.
pub(super) fn section(evaluation: &Evaluation, names: &Names) -> Option<Markup> {
    let [_, class] = &names.classes[..] else { return None };
    let counts = &evaluation.probabilities;
    // Without a sample of the class there is nothing to say.
    counts.flagged(0).recall()?;
    Some(html! {
        section id="thresholds" {
            h2 { "What a threshold does" }
            p { (sentence(counts, class)) }
            (figure(&curves(counts), &table(counts, class), &html! {
                "The higher the threshold, the fewer samples are flagged: more of them rightly, but more are missed."
            }))
        }
    })
}

fn sentence(counts: &ProbabilityCounts, class: &str) -> String {
    let flagged = counts.flagged(MOODLES);
    let Some(precision) = flagged.precision() else {
        return format!("At Moodle's threshold of 60 %, no sample is flagged as {class}.");
    };
    let recall = flagged.recall().unwrap_or_default();
    format!(
        "Moodle reports a sample as {class} from a probability of 60 % on. Of 100 samples that it reports, about {} are \
         {class}, and of 100 samples that are {class}, it finds about {}.",
        out_of_100(precision),
        out_of_100(recall)
    )
}

/// A share as a number of 100; 0 and 100 only when it is exactly that.
fn out_of_100(share: f64) -> u32 {
    let rounded = (share * 100.0).round() as u32;
    if share <= 0.0 || share >= 1.0 { rounded } else { rounded.clamp(1, 99) }
}

fn curves(counts: &ProbabilityCounts) -> Markup {
    html! {
        (plot(counts).draw("Precision and recall for each threshold; the table has the numbers."))
        (legend(LINES.map(str::to_owned)))
    }
}

/// Precision and recall for each threshold.
pub(in crate::report) fn plot(counts: &ProbabilityCounts) -> Plot {
    let at = |measure: fn(Flagged) -> Option<f64>| {
        let points = (0..100).filter_map(move |percent| Some((percent, measure(counts.flagged(percent))?)));
        points.map(|(percent, share)| (percent as f64 / 100.0, share)).collect::<Vec<_>>()
    };
    let mut plot =
        Plot::new(Axis::share("Threshold: probability from which a sample is flagged"), Axis::share("Share"));
    plot.limit(Limit::X(MOODLES as f64 / 100.0), "Moodle");
    let precision = |flagged: Flagged| {
        (flagged.rightly + flagged.wrongly >= MIN_FLAGGED).then(|| flagged.precision()).flatten()
    };
    plot.line(at(precision), "c0");
    plot.line(at(Flagged::recall), "c1");
    plot
}

fn table(counts: &ProbabilityCounts, class: &str) -> Markup {
    let share = |share: Option<f64>| share.map_or("-".to_owned(), percent);
    html! {
        table {
            thead { tr {
                th scope="col" { "Threshold" }
                th scope="col" { "Flagged" }
                th scope="col" { "of them " (class) }
                th scope="col" { "Missed" }
                th scope="col" { "Precision" }
                th scope="col" { "Recall" }
            } }
            tbody { @for at in TABLE {
                @let flagged = counts.flagged(at);
                tr {
                    th scope="row" { (at) " %" @if at == MOODLES { " (Moodle)" } }
                    td { (flagged.rightly + flagged.wrongly) }
                    td { (flagged.rightly) }
                    td { (flagged.missed) }
                    td { (share(flagged.precision())) }
                    td { (share(flagged.recall())) }
                }
            } }
        }
    }
}
