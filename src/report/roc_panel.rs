//! The panel of the ROC chart: the area under the curve, the legend, the score, and an explanation.
//!
//! Must not know how the curves are averaged or drawn.

use super::chart::{COLOURS, DIAGONAL, INK, colour, pale};
use super::chart_panel::{LARGEST, Panel};
use super::roc::{self, ClassCurves, Spread};
use super::svg::{Font, Svg};
use super::{RunReport, format};
use crate::learning::Evaluation;
use crate::text::Untrusted;

/// Draws the panel beside the curves.
pub(super) fn draw(svg: &mut Svg, report: &RunReport<'_>, curves: &[ClassCurves]) {
    let mut panel = Panel::new(svg);
    if let Some(auc) = report.evaluation.and_then(roc::overall_auc) {
        area(&mut panel, auc, curves.len());
    }
    if curves.is_empty() {
        panel.messages(report.info);
    } else {
        legend(&mut panel, curves);
    }
    if let Some(evaluation) = report.evaluation {
        score(&mut panel, report, evaluation);
    }
    if !curves.is_empty() && panel.has_room() {
        explanation(&mut panel, curves);
    }
    panel.footer(report);
}

fn area(panel: &mut Panel<'_>, auc: Spread, curves: usize) {
    let name = if curves > 1 { "AUC, mean over the classes" } else { "AUC, area under the curve" };
    let deviation = auc.deviation.map_or(String::new(), |deviation| format!("± {deviation:.3}"));
    panel.headline(name, &format!("{:.3}", auc.mean), LARGEST, &deviation);
    panel.note("0.5 is random guessing, 1 is perfect.");
    panel.rule();
}

fn legend(panel: &mut Panel<'_>, curves: &[ClassCurves]) {
    for (n, class) in curves.iter().enumerate().take(COLOURS) {
        panel.svg.line(&panel.symbol(), 4.5, colour(n));
        panel.entry(&curve_name(class, curves.len()));
    }
    if let Some(more) = curves.len().checked_sub(COLOURS).filter(|&more| more > 0) {
        panel.svg.line(&panel.symbol(), 2.0, colour(COLOURS));
        panel.entry(&format::count(more, "more class", "more classes"));
    }
    if let [only] = curves
        && only.iterations > 1
    {
        iterations(panel, only);
    }
    panel.svg.dashes(panel.symbol(), 2.5, DIAGONAL);
    panel.entry("random guessing (AUC 0.5)");
    panel.rule();
}

fn iterations(panel: &mut Panel<'_>, class: &ClassCurves) {
    let [(left, y), (right, _)] = panel.symbol();
    let corners = [(left, y - 13.0), (right, y - 13.0), (right, y + 11.0), (left, y + 11.0)];
    panel.svg.area(&corners, colour(0), 0.16);
    panel.entry("± one standard deviation");
    panel.svg.line(&panel.symbol(), 2.0, pale(colour(0)));
    let all = class.iterations;
    panel.entry(&match class.each.len() {
        drawn if drawn == all => format!("each of the {all} iterations"),
        drawn => format!("{drawn} of the {all} iterations"),
    });
}

fn score(panel: &mut Panel<'_>, report: &RunReport<'_>, evaluation: &Evaluation) {
    let mean = &evaluation.mean;
    let several = evaluation.iterations.len() > 1;
    let deviation =
        if several { format!(" ± {}", format::short(evaluation.score_deviation)) } else { String::new() };
    panel.paragraph(&format!("Score {}{deviation}", format::short(mean.f1)), Font::new(34.0, INK).bold());
    panel.note(&format!(
        "Weighted F1, the score that Moodle uses. Required: at least {}, with a deviation of at most {}.",
        report.min_score, report.max_deviation
    ));
    panel.gap(14.0);
    panel.row("Accuracy", &format::short(mean.accuracy));
    panel.row("Majority-class accuracy", &format::short(mean.majority_accuracy));
    panel.row("Balanced accuracy", &format::short(mean.balanced_accuracy));
    panel.gap(4.0);
    panel.rule();
}

fn explanation(panel: &mut Panel<'_>, curves: &[ClassCurves]) {
    let class = match curves {
        [only] => format!("class {}", Untrusted(&only.label).line(16)),
        _ => "a class".to_owned(),
    };
    panel.note(&format!(
        "Each point is one decision threshold. True positive rate: the share of the samples of {class} that are \
         found. False positive rate: the share of the other samples that are wrongly predicted as {class}. The \
         closer to the upper left corner, the better."
    ));
}

fn curve_name(class: &ClassCurves, curves: usize) -> String {
    let label = Untrusted(&class.label).line(16);
    match (curves, class.iterations, class.auc) {
        (1, 1, _) => format!("class {label}"),
        (1, ..) => format!("class {label}, mean of the iterations"),
        (_, _, Some(Spread { mean, deviation: Some(deviation) })) => {
            format!("class {label}: {mean:.3} ± {deviation:.3}")
        }
        (_, _, Some(Spread { mean, .. })) => format!("class {label}: {mean:.3}"),
        (_, _, None) => format!("class {label}"),
    }
}
