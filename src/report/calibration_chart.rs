//! `calibration.png`: a reliability diagram. What was said (to the right)
//! beside what was so (upwards); on the diagonal, probabilities are right.

use super::canvas::{Canvas, Font, Point, paint};
use super::chart_panel;
use super::chart_panel::Pen;
use super::roc_chart;
use super::roc_chart::{CHANCE, INK, SIZE, SOFT_INK, WHITE, colour, pale, place};
use super::{ReportError, RunReport, calibration};
use crate::learning::CalibrationBin;

/// Draws the diagram, as a PNG; without a probability the picture says why there is none.
pub(super) fn draw(report: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    let bins = report.evaluation.map(calibration::bins).unwrap_or_default();
    paint(SIZE, WHITE, |canvas| {
        roc_chart::title(canvas, "Calibration", report)?;
        let of = report.evaluation.map_or("a class".to_owned(), calibration::subject);
        roc_chart::axes(canvas, &format!("Said: probability of {of}"), "Was so: share of the samples")?;
        if bins.is_empty() {
            roc_chart::nothing(canvas)?;
        } else {
            roc_chart::frame(canvas)?;
            draw_bins(canvas, &bins, report)?;
        }
        draw_panel(canvas, &bins, report)
    })
}

fn draw_bins(
    canvas: &Canvas<'_>,
    bins: &[CalibrationBin],
    report: &RunReport<'_>,
) -> Result<(), ReportError> {
    for bin in bins {
        let error = calibration::standard_error(bin, report);
        let (low, high) = ((bin.observed - error).max(0.0), (bin.observed + error).min(1.0));
        canvas.line(&[place((bin.predicted, low)), place((bin.predicted, high))], 5.0, pale(colour(0)))?;
    }
    let points: Vec<Point> = bins.iter().map(|bin| place((bin.predicted, bin.observed))).collect();
    canvas.line(&points, 3.0, colour(0))?;
    points.into_iter().try_for_each(|point| dot(canvas, point))
}

fn dot(canvas: &Canvas<'_>, (x, y): Point) -> Result<(), ReportError> {
    let corners = |radius: f64| -> Vec<Point> {
        let corner = |at: u32| {
            let angle = f64::from(at) * std::f64::consts::TAU / 24.0;
            (x + radius * angle.cos(), y + radius * angle.sin())
        };
        (0..24).map(corner).collect()
    };
    canvas.fill(&corners(13.0), WHITE, 1.0)?;
    canvas.fill(&corners(10.0), colour(0), 1.0)
}

fn draw_panel(
    canvas: &Canvas<'_>,
    bins: &[CalibrationBin],
    report: &RunReport<'_>,
) -> Result<(), ReportError> {
    let mut pen = Pen::new(canvas);
    let text = Font::new(26.0, INK);
    match report.evaluation.filter(|_| !bins.is_empty()) {
        Some(evaluation) => {
            let error = format!("{} points", calibration::points(evaluation.calibration.error));
            pen.large("Calibration error", &error)?;
            let chance = calibration::points(calibration::by_chance(bins, report));
            pen.paragraph(
                &format!("0 is perfect; chance alone makes about {chance}."),
                Font::new(25.0, SOFT_INK),
            )?;
            pen.rule()?;
            let [from, to] = pen.swatch();
            canvas.line(&[from, to], 3.0, colour(0))?;
            dot(canvas, (f64::midpoint(from.0, to.0), from.1))?;
            pen.entry("a tenth of the ratings", text)?;
            let [from, to] = pen.swatch();
            let middle = f64::midpoint(from.0, to.0);
            canvas.line(&[(middle, from.1 - 16.0), (middle, from.1 + 12.0)], 5.0, pale(colour(0)))?;
            pen.entry("± one standard error", text)?;
            let [from, to] = pen.swatch();
            canvas.dashes((from, to), 2.5, CHANCE, (13.0, 9.0))?;
            pen.entry("probabilities are right", text)?;
            pen.rule()?;
            pen.paragraph("Can the probabilities be believed?", Font::new(28.0, INK).bold())?;
            pen.gap(6.0);
            let told = calibration::verdict(report).into_iter().chain(calibration::example(evaluation));
            for sentence in told {
                pen.paragraph(&sentence, text)?;
                pen.gap(14.0);
            }
            pen.paragraph(
                "Dots below the line: it said more than was so. Above: less.",
                Font::new(25.0, SOFT_INK),
            )?;
        }
        None => pen.reasons(report.info)?,
    }
    chart_panel::foot(canvas, report)
}
