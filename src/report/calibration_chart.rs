//! `calibration.png`: a reliability diagram, observed frequencies over predicted probabilities. On the
//! diagonal, the model is perfectly calibrated.
//!
//! Owns what the chart shows. Must not know how the numbers are computed: `calibration` owns them.

use super::chart::{self, DIAGONAL, INK, SIZE, WHITE, colour, pale, place};
use super::chart_panel::{LARGE, Panel};
use super::svg::{Font, Point, Svg};
use super::{ReportError, RunReport, calibration, raster};
use crate::learning::{CalibrationBin, Evaluation};

/// Draws the diagram, as a PNG; without a probability the picture gives the reason.
pub(super) fn draw(report: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    let bins = report.evaluation.map(calibration::bins).unwrap_or_default();
    let mut svg = Svg::new(SIZE, WHITE);
    chart::title(&mut svg, "Calibration", report);
    let class = report.evaluation.map_or("a class".to_owned(), calibration::subject);
    chart::axes(&mut svg, &format!("Predicted probability of {class}"), "Observed frequency");
    if bins.is_empty() {
        chart::no_data(&mut svg);
    } else {
        chart::frame(&mut svg);
        draw_bins(&mut svg, &bins, report);
    }
    let mut panel = Panel::new(&mut svg);
    match report.evaluation.filter(|_| !bins.is_empty()) {
        Some(evaluation) => fill_panel(&mut panel, &bins, report, evaluation),
        None => panel.messages(report.info),
    }
    panel.footer(report);
    raster::png(&svg)
}

fn draw_bins(svg: &mut Svg, bins: &[CalibrationBin], report: &RunReport<'_>) {
    for bin in bins {
        let error = calibration::standard_error(bin, report);
        let (low, high) = ((bin.observed - error).max(0.0), (bin.observed + error).min(1.0));
        svg.line(&[place((bin.predicted, low)), place((bin.predicted, high))], 5.0, pale(colour(0)));
    }
    let points: Vec<Point> = bins.iter().map(|bin| place((bin.predicted, bin.observed))).collect();
    svg.line(&points, 3.0, colour(0));
    for point in points {
        dot(svg, point);
    }
}

fn dot(svg: &mut Svg, at: Point) {
    svg.dot(at, 13.0, WHITE);
    svg.dot(at, 10.0, colour(0));
}

fn fill_panel(
    panel: &mut Panel<'_>,
    bins: &[CalibrationBin],
    report: &RunReport<'_>,
    evaluation: &Evaluation,
) {
    let error = format!("{} points", calibration::points(evaluation.calibration.error));
    panel.headline("Calibration error", &error, LARGE, "");
    let by_chance = calibration::points(calibration::by_chance(bins, report));
    panel.note(&format!("0 is perfect; chance alone gives about {by_chance}."));
    panel.rule();
    legend(panel);
    panel.paragraph("Are the probabilities reliable?", Font::new(28.0, INK).bold());
    panel.gap(6.0);
    for sentence in calibration::assessment(report).into_iter().chain(calibration::example(evaluation)) {
        panel.paragraph(&sentence, Font::new(26.0, INK));
        panel.gap(14.0);
    }
    panel.note("Below the diagonal, the predicted probability is too high; above it, too low.");
}

fn legend(panel: &mut Panel<'_>) {
    let [from, to] = panel.symbol();
    panel.svg.line(&[from, to], 3.0, colour(0));
    dot(panel.svg, (f64::midpoint(from.0, to.0), from.1));
    panel.entry("one tenth of the predictions");
    let [from, to] = panel.symbol();
    let middle = f64::midpoint(from.0, to.0);
    panel.svg.line(&[(middle, from.1 - 16.0), (middle, from.1 + 12.0)], 5.0, pale(colour(0)));
    panel.entry("± one standard error");
    panel.svg.dashes(panel.symbol(), 2.5, DIAGONAL);
    panel.entry("perfect calibration");
    panel.rule();
}
