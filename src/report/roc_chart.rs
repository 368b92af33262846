//! `roc-curve.png`: the chart on the left; what it means is the panel's.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Font, Point, paint};
use super::roc;
use super::roc::ClassCurves;
use super::{ReportError, RunReport, chart_panel, format};

/// Width and height of the picture in pixels.
pub(super) const SIZE: (u32, u32) = (1600, 1200);

pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
pub(super) const INK: RGBColor = RGBColor(28, 34, 43);
pub(super) const SOFT_INK: RGBColor = RGBColor(84, 94, 108);
pub(super) const CHANCE: RGBColor = RGBColor(128, 136, 148);
const GRID: RGBColor = RGBColor(228, 232, 237);
const FRAME: RGBColor = RGBColor(150, 158, 168);

/// As many curves have a colour of their own.
pub(super) const COLOURS: usize = 6;
const OTHERS: RGBColor = RGBColor(184, 190, 198);

/// Okabe and Ito's colours, which stay apart for colour-blind readers; their yellow, which does
/// not stand out on white, is left out.
const PALETTE: [RGBColor; COLOURS] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// With more classes than this, only the mean curves are drawn: the rest would be a thicket.
const CLASSES_WITH_DETAIL: usize = 3;

/// The corners of the unit square in the picture.
const LEFT: f64 = 128.0;
const RIGHT: f64 = 1068.0;
const TOP: f64 = 158.0;
const BOTTOM: f64 = 1098.0;

/// The colour of the `n`-th curve; curves beyond the palette share a grey.
pub(super) fn colour(n: usize) -> RGBColor {
    PALETTE.get(n).copied().unwrap_or(OTHERS)
}

/// Draws the chart, as a PNG; without a curve the picture says why there is none.
pub(super) fn draw(report: &RunReport<'_>) -> Result<Vec<u8>, ReportError> {
    let curves = report.evaluation.map(roc::by_class).unwrap_or_default();
    paint(SIZE, WHITE, |canvas| {
        title(canvas, "ROC curve", report)?;
        axes(canvas, "False alarms (false positive rate)", "Found (true positive rate)")?;
        if curves.is_empty() {
            nothing(canvas)?;
        } else {
            draw_curves(canvas, &curves)?;
        }
        chart_panel::draw(canvas, report, &curves)
    })
}

/// What the picture is, and of what.
pub(super) fn title(canvas: &Canvas<'_>, name: &str, report: &RunReport<'_>) -> Result<(), ReportError> {
    canvas.text(name, (LEFT, 74.0), Font::new(50.0, INK).bold())?;
    canvas.text(&subtitle(report), (LEFT, 118.0), Font::new(27.0, SOFT_INK))
}

fn subtitle(report: &RunReport<'_>) -> String {
    let samples = format::count(report.dataset.samples, "sample", "samples");
    let iterations = report.evaluation.map_or(0, |e| e.iterations.len());
    match iterations {
        0 => samples,
        _ if report.rated_trained_model => format!("{samples}, rated once by the trained model"),
        1 => format!("{samples}, split once: most to train on, the rest to rate"),
        n => format!("{samples}, split {n} times: each time most train a model and the rest rate it"),
    }
}

/// The unit square with its diagonal, and what lies to the right and upwards.
pub(super) fn axes(canvas: &Canvas<'_>, right: &str, up: &str) -> Result<(), ReportError> {
    let label = Font::new(26.0, SOFT_INK);
    for tick in 0..=10 {
        let at = f64::from(tick) / 10.0;
        let labelled = tick % 2 == 0;
        if (1..10).contains(&tick) {
            canvas.line(&[place((at, 0.0)), place((at, 1.0))], 1.0, GRID)?;
            canvas.line(&[place((0.0, at)), place((1.0, at))], 1.0, GRID)?;
        }
        let (x, y) = place((at, at));
        let length = if labelled { 9.0 } else { 5.0 };
        canvas.line(&[(x, BOTTOM), (x, BOTTOM + length)], 1.5, FRAME)?;
        canvas.line(&[(LEFT - length, y), (LEFT, y)], 1.5, FRAME)?;
        if labelled {
            canvas.text(&format!("{at:.1}"), (x, BOTTOM + 36.0), label.align(HPos::Center))?;
            canvas.text(&format!("{at:.1}"), (LEFT - 18.0, y + 8.0), label.align(HPos::Right))?;
        }
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let name = Font::new(27.0, INK).align(HPos::Center);
    canvas.text(right, (middle, BOTTOM + 80.0), name)?;
    canvas.text(up, (46.0, f64::midpoint(TOP, BOTTOM)), name.upwards())?;
    canvas.dashes((place((0.0, 0.0)), place((1.0, 1.0))), 2.5, CHANCE, (13.0, 9.0))
}

fn draw_curves(canvas: &Canvas<'_>, curves: &[ClassCurves]) -> Result<(), ReportError> {
    if curves.len() <= CLASSES_WITH_DETAIL {
        for (n, class) in curves.iter().enumerate() {
            let upper = class.band.iter().map(|&(x, _, high)| place((x, high)));
            let lower = class.band.iter().rev().map(|&(x, low, _)| place((x, low)));
            canvas.fill(&upper.chain(lower).collect::<Vec<_>>(), colour(n), 0.16)?;
        }
        for (n, class) in curves.iter().enumerate().filter(|(_, class)| class.each.len() > 1) {
            for curve in &class.each {
                canvas.line(&placed(curve), 1.5, pale(colour(n)))?;
            }
        }
    }
    frame(canvas)?;
    for (n, class) in curves.iter().enumerate().rev() {
        // A single curve is drawn as it was measured, not through the grid of the mean.
        let main = if class.each.len() == 1 { &class.each[0] } else { &class.mean };
        if n < COLOURS {
            canvas.line(&placed(main), 7.5, WHITE)?;
            canvas.line(&placed(main), 4.5, colour(n))?;
        } else {
            canvas.line(&placed(main), 2.0, colour(n))?;
        }
    }
    Ok(())
}

/// Says that there is nothing to draw.
pub(super) fn nothing(canvas: &Canvas<'_>) -> Result<(), ReportError> {
    frame(canvas)?;
    let (x, y) = place((0.5, 0.5));
    canvas.fill(
        &[(x - 340.0, y - 62.0), (x + 340.0, y - 62.0), (x + 340.0, y + 66.0), (x - 340.0, y + 66.0)],
        WHITE,
        1.0,
    )?;
    let centred = Font::new(32.0, INK).align(HPos::Center);
    canvas.text("There is nothing to draw for this run.", (x, y - 6.0), centred.bold())?;
    canvas.text(
        "info.log says why, and what to do next.",
        (x, y + 38.0),
        Font { colour: SOFT_INK, ..centred },
    )
}

/// Around the unit square.
pub(super) fn frame(canvas: &Canvas<'_>) -> Result<(), ReportError> {
    let corners = [(LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM), (LEFT, TOP)];
    canvas.line(&corners, 1.5, FRAME)
}

/// Where a point of the unit square lies in the picture.
pub(super) fn place((x, y): Point) -> Point {
    (LEFT + x * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - TOP))
}

fn placed(points: &[Point]) -> Vec<Point> {
    points.iter().copied().map(place).collect()
}

/// Mixed with white rather than see-through, so that crossings do not darken.
pub(super) fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let mix = |channel: u8| ((u16::from(channel) * 2 + 255 * 3) / 5) as u8;
    RGBColor(mix(r), mix(g), mix(b))
}
