//! The plots of the page as pictures of their own: what a threshold does, precision and recall, predicted probabilities.
//!
//! Owns their title and legend. The plots are those of the page. Must not know how the figures are computed.

use super::chart::{self, INK, SIZE, SOFT_INK, WHITE, colour};
use super::html::{
    Names, PLOT_SIZE, Plot, THRESHOLD_LINES, precision_recall_plot, probability_labels, probability_plot,
    threshold_plot,
};
use super::svg::{Font, Svg};
use super::{ReportError, RunReport, format, raster};
use crate::learning::Evaluation;
use crate::text::Untrusted;

/// The left and upper side of the plot.
const PLACE: (f64, f64) = (24.0, 190.0);
/// The plot fills the picture's width.
const SCALE: f64 = 2.4;
/// The style of the page in its light scheme.
const STYLE: &str = ".grid { stroke: #e4e8ed; stroke-width: 1 } .tick, .label { font-size: 14px; fill: #545e6c } \
     .axis { font-size: 15px; fill: #1c222b } .line { fill: none; stroke-width: 2.5 } \
     .limit { stroke: #1c222b; stroke-width: 1.5; stroke-dasharray: 3 4 } \
     .line.c0 { stroke: #0072b2 } .line.c1 { stroke: #d55e00 } .bar.c0 { fill: #0072b2 } .bar.c1 { fill: #d55e00 }";

/// What a threshold does; two classes only.
pub(super) fn thresholds(
    report: &RunReport<'_>,
    evaluation: &Evaluation,
) -> Result<Option<Vec<u8>>, ReportError> {
    let counts = &evaluation.probabilities;
    let is_known = evaluation.classes.len() == 2 && counts.flagged(0).recall().is_some();
    let draw = || picture(report, "What a threshold does", &threshold_plot(counts), &THRESHOLD_LINES);
    is_known.then(draw).transpose()
}

/// Precision over recall; two classes only.
pub(super) fn precision_recall(
    report: &RunReport<'_>,
    evaluation: &Evaluation,
) -> Result<Option<Vec<u8>>, ReportError> {
    let plot = precision_recall_plot(evaluation);
    plot.map(|plot| picture(report, "Precision and recall", &plot, &[])).transpose()
}

/// How often each probability is predicted.
pub(super) fn probabilities(report: &RunReport<'_>, evaluation: &Evaluation) -> Result<Vec<u8>, ReportError> {
    let names = Names::of(report);
    let labels = probability_labels(&names);
    let labels = [labels[0].as_str(), labels[1].as_str()];
    picture(report, "Predicted probabilities", &probability_plot(evaluation, &names), &labels)
}

fn picture(
    report: &RunReport<'_>,
    title: &str,
    plot: &Plot,
    legend: &[&str],
) -> Result<Vec<u8>, ReportError> {
    let mut svg = Svg::new(SIZE, WHITE);
    chart::title(&mut svg, title, report);
    let font = Font::new(27.0, INK);
    let mut right = 128.0;
    for (n, text) in legend.iter().enumerate() {
        svg.line(&[(right, 160.0), (right + 44.0, 160.0)], 8.0, colour(n));
        svg.text(text, (right + 62.0, 169.0), font);
        right += 62.0 + font.width(text) + 56.0;
    }
    svg.embed(&plot.elements().into_string(), STYLE, PLACE, SCALE);
    debug_assert!(PLACE.0 + PLOT_SIZE.0 * SCALE <= f64::from(SIZE.0), "the plot fits the picture");
    footer(&mut svg, report);
    raster::png(&svg)
}

/// The run and its time, at the bottom.
pub(super) fn footer(svg: &mut Svg, report: &RunReport<'_>) {
    let text = format!("Run {}, {}", Untrusted(&report.run).line(24), format::time(report.started));
    svg.text(&text, (128.0, 1178.0), Font::new(21.0, SOFT_INK));
}
