//! `roc-curve.png`: the ROC curves of an evaluation.
//!
//! Owns what the chart shows. Must not know the panel beside the curves: `roc_panel` draws it.

use super::chart::{self, COLOURS, SIZE, WHITE, colour, pale, place};
use super::roc::{self, ClassCurves};
use super::svg::{Point, Svg};
use super::{ReportError, RunReport, raster, roc_panel};

/// With more classes than this, only the mean curves are drawn; more lines could not be distinguished.
const MAX_CLASSES_WITH_DETAIL: usize = 3;

/// Draws the chart, as a PNG; without a curve the picture gives the reason.
pub(super) fn draw(report: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    let curves = report.evaluation.map(roc::by_class).unwrap_or_default();
    let mut svg = Svg::new(SIZE, WHITE);
    chart::title(&mut svg, "ROC curve", report);
    chart::axes(&mut svg, "False positive rate", "True positive rate");
    if curves.is_empty() {
        chart::no_data(&mut svg);
    } else {
        draw_curves(&mut svg, &curves);
    }
    roc_panel::draw(&mut svg, report, &curves);
    raster::png(&svg)
}

fn draw_curves(svg: &mut Svg, curves: &[ClassCurves]) {
    if curves.len() <= MAX_CLASSES_WITH_DETAIL {
        for (n, class) in curves.iter().enumerate().filter(|(_, class)| !class.band.is_empty()) {
            let upper = class.band.iter().map(|&(x, _, high)| place((x, high)));
            let lower = class.band.iter().rev().map(|&(x, low, _)| place((x, low)));
            svg.area(&upper.chain(lower).collect::<Vec<_>>(), colour(n), 0.16);
        }
        for (n, class) in curves.iter().enumerate().filter(|(_, class)| class.each.len() > 1) {
            for curve in &class.each {
                svg.line(&placed(curve), 1.5, pale(colour(n)));
            }
        }
    }
    chart::frame(svg);
    for (n, class) in curves.iter().enumerate().rev() {
        // A single curve is drawn as it was measured, not through the grid of the mean.
        let main = placed(if class.each.len() == 1 { &class.each[0] } else { &class.mean });
        if n < COLOURS {
            svg.line(&main, 7.5, WHITE);
            svg.line(&main, 4.5, colour(n));
        } else {
            svg.line(&main, 2.0, colour(n));
        }
    }
}

fn placed(points: &[Point]) -> Vec<Point> {
    points.iter().copied().map(place).collect()
}
