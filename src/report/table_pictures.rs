//! `importance.png` and `confusion.png`: the tables of the page as pictures.
//!
//! Owns their layout. Must not know how the figures are computed.

use super::chart::{self, INK, SIZE, SOFT_INK, WHITE, colour, pale};
use super::html::{Names, words};
use super::plot_pictures::footer;
use super::svg::{Align, Colour, Font, Point, Svg};
use super::{ReportError, RunReport, format, raster};
use crate::learning::{Evaluation, FeatureImportance};

/// The number of features in the picture.
const MAX_FEATURES: usize = 15;
/// With more classes, cells could not be read.
const MAX_CLASSES: usize = 12;
const LEFT: f64 = 128.0;
const RIGHT: f64 = 1480.0;
const TOP: f64 = 190.0;
const BOTTOM: f64 = 1120.0;

/// Where the names of indicators end.
const NAMES_END: f64 = 800.0;

/// Which indicators matter; `None` when importance was not measured.
pub(super) fn importance(
    report: &RunReport<'_>,
    evaluation: &Evaluation,
) -> Result<Option<Vec<u8>>, ReportError> {
    let matters = |one: &&FeatureImportance| one.loss_increase.is_finite() && one.loss_increase > 0.0;
    let shown: Vec<&FeatureImportance> =
        evaluation.importance.iter().filter(matters).take(MAX_FEATURES).collect();
    if shown.is_empty() {
        return Ok(None);
    }
    let mut svg = Svg::new(SIZE, WHITE);
    chart::title(&mut svg, "Which indicators matter", report);
    let note = "How much the log-loss increases when an indicator is shuffled; thin bars are one standard deviation.";
    svg.text(note, (LEFT, 166.0), Font::new(25.0, SOFT_INK));
    let end = |one: &&FeatureImportance| one.loss_increase + one.deviation.clamp(0.0, one.loss_increase);
    let largest = shown.iter().map(end).fold(f64::MIN_POSITIVE, f64::max);
    let place = |increase: f64| NAMES_END + 24.0 + increase / largest * (RIGHT - 150.0 - NAMES_END);
    let height = ((BOTTOM - TOP - 20.0) / shown.len() as f64).min(70.0);
    for (row, one) in shown.iter().enumerate() {
        let middle = TOP + 20.0 + (row as f64 + 0.5) * height;
        let font = Font::new(26.0, INK).align(Align::Right);
        svg.text(&fitting(&words(&one.feature), font, NAMES_END - LEFT), (NAMES_END, middle + 8.0), font);
        let half = height * 0.3;
        box_between(
            &mut svg,
            (place(0.0), middle - half),
            (place(one.loss_increase), middle + half),
            colour(0),
        );
        let deviation = one.deviation.clamp(0.0, one.loss_increase);
        let ends =
            [one.loss_increase - deviation, one.loss_increase + deviation].map(|at| (place(at), middle));
        svg.line(&ends, 4.0, pale(colour(0)));
        let value = format::figure(one.loss_increase);
        svg.text(&value, (place(end(one)) + 18.0, middle + 8.0), Font::new(24.0, SOFT_INK));
    }
    footer(&mut svg, report);
    raster::png(&svg).map(Some)
}

/// Which class is taken for which, over all iterations; `None` with many classes.
pub(super) fn confusion(
    report: &RunReport<'_>,
    evaluation: &Evaluation,
) -> Result<Option<Vec<u8>>, ReportError> {
    let names = Names::of(report);
    let classes = names.classes.len();
    if classes == 0 || classes > MAX_CLASSES || evaluation.iterations.is_empty() {
        return Ok(None);
    }
    let count = |actual: usize, predicted: usize| {
        let matrices = evaluation.iterations.iter().map(|iteration| &iteration.confusion);
        let cells = matrices.filter_map(|matrix| matrix.get(actual)?.get(predicted).copied());
        cells.fold(0, usize::saturating_add)
    };
    let mut svg = Svg::new(SIZE, WHITE);
    chart::title(&mut svg, "Confusion matrix", report);
    let (left, top) = (LEFT + 260.0, TOP + 90.0);
    let (width, height) = ((RIGHT - left) / classes as f64, (BOTTOM - 20.0 - top) / classes as f64);
    let label = Font::new(if classes <= 4 { 30.0 } else { 20.0 }, INK);
    let middle = (f64::midpoint(left, RIGHT), f64::midpoint(top, BOTTOM - 20.0));
    svg.text("Predicted class", (middle.0, TOP + 10.0), Font::new(28.0, SOFT_INK).align(Align::Center));
    svg.text(
        "True class",
        (LEFT + 20.0, middle.1),
        Font::new(28.0, SOFT_INK).align(Align::Center).vertical(),
    );
    for (actual, name) in names.classes.iter().enumerate() {
        let all = (0..classes).map(|predicted| count(actual, predicted)).fold(0, usize::saturating_add);
        let y = top + actual as f64 * height;
        let row_name = label.align(Align::Right);
        svg.text(&fitting(name, row_name, 200.0), (left - 20.0, y + height / 2.0 + 8.0), row_name);
        let x = left + (actual as f64 + 0.5) * width;
        svg.text(&fitting(name, label, width - 8.0), (x, top - 22.0), label.align(Align::Center));
        for predicted in 0..classes {
            let share = count(actual, predicted) as f64 / all.max(1) as f64;
            let corner = (left + predicted as f64 * width, y);
            cell(&mut svg, corner, (width, height), count(actual, predicted), share, actual == predicted);
        }
    }
    footer(&mut svg, report);
    raster::png(&svg).map(Some)
}

/// One cell: the number of samples and their share of the true class.
fn cell(svg: &mut Svg, (x, y): Point, (width, height): (f64, f64), count: usize, share: f64, right: bool) {
    let gap = 3.0;
    box_between(svg, (x + gap, y + gap), (x + width - gap, y + height - gap), shade(share));
    let ink = if share > 0.85 { WHITE } else { INK };
    let size = (width.min(height) * 0.28).clamp(18.0, 64.0);
    let font = Font::new(size, ink).align(Align::Center);
    let (x, y) = (x + width / 2.0, y + height / 2.0);
    svg.text(&count.to_string(), (x, y), if right { font.bold() } else { font });
    let font = Font::new((size * 0.55).max(15.0), ink).align(Align::Center);
    svg.text(&format::percent(share), (x, y + size * 0.8), font);
}

/// From nearly white to blue.
fn shade(share: f64) -> Colour {
    let Colour(red, green, blue) = colour(0);
    let mix = |channel: u8| {
        let share = 0.05 + 0.95 * share.clamp(0.0, 1.0);
        (255.0 + (f64::from(channel) - 255.0) * share).round() as u8
    };
    Colour(mix(red), mix(green), mix(blue))
}

fn box_between(svg: &mut Svg, (left, top): Point, (right, bottom): Point, colour: Colour) {
    svg.area(&[(left, top), (right, top), (right, bottom), (left, bottom)], colour, 1.0);
}

/// The beginning of a text that fits a width.
fn fitting(text: &str, font: Font, width: f64) -> String {
    if font.width(text) <= width {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while !short.is_empty() && font.width(&format!("{short}...")) > width {
        short.pop();
    }
    format!("{}...", short.trim_end())
}
