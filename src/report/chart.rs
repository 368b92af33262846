//! What the charts share: size, colours, title, and the unit square with its axes.
//!
//! Must not know what a chart shows in the square.

use super::svg::{Align, Colour, Font, Point, Svg};
use super::{RunReport, format};

/// Width and height of a picture in pixels.
pub(super) const SIZE: (u32, u32) = (1600, 1200);

pub(super) const WHITE: Colour = Colour(255, 255, 255);
pub(super) const INK: Colour = Colour(28, 34, 43);
pub(super) const SOFT_INK: Colour = Colour(84, 94, 108);
/// The diagonal: a random guess, or perfect calibration.
pub(super) const DIAGONAL: Colour = Colour(128, 136, 148);
const GRID: Colour = Colour(228, 232, 237);
const FRAME: Colour = Colour(150, 158, 168);

/// The number of curves with a colour of their own.
pub(super) const COLOURS: usize = 6;
const OTHERS: Colour = Colour(184, 190, 198);

/// Okabe and Ito's colours, which colour-blind readers can distinguish, without the yellow, which is hard to see on
/// white.
const PALETTE: [Colour; COLOURS] = [
    Colour(0, 114, 178),
    Colour(213, 94, 0),
    Colour(0, 158, 115),
    Colour(204, 121, 167),
    Colour(230, 159, 0),
    Colour(86, 180, 233),
];

/// The sides of the unit square in the picture.
const LEFT: f64 = 128.0;
const RIGHT: f64 = 1068.0;
const TOP: f64 = 158.0;
const BOTTOM: f64 = 1098.0;

/// The colour of the `n`-th curve; curves beyond the palette share a grey.
pub(super) fn colour(n: usize) -> Colour {
    PALETTE.get(n).copied().unwrap_or(OTHERS)
}

/// Mixed with white rather than transparent, so that crossings do not darken.
pub(super) fn pale(Colour(r, g, b): Colour) -> Colour {
    let mix = |channel: u8| ((u16::from(channel) * 2 + 255 * 3) / 5) as u8;
    Colour(mix(r), mix(g), mix(b))
}

/// Where a point of the unit square lies in the picture.
pub(super) fn place((x, y): Point) -> Point {
    (LEFT + x * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - TOP))
}

/// The chart's name and the evaluated data.
pub(super) fn title(svg: &mut Svg, name: &str, report: &RunReport<'_>) {
    svg.text(name, (LEFT, 74.0), Font::new(50.0, INK).bold());
    svg.text(&subtitle(report), (LEFT, 118.0), Font::new(27.0, SOFT_INK));
}

fn subtitle(report: &RunReport<'_>) -> String {
    let samples = format::count(report.dataset.samples, "sample", "samples");
    match report.evaluation.map_or(0, |e| e.iterations.len()) {
        0 => samples,
        _ if report.rated_trained_model => format!("{samples}, evaluated once with the trained model"),
        1 => format!("{samples}, one random split into training and test samples"),
        n => format!("{samples}, {n} random splits into training and test samples"),
    }
}

/// The grid, the ticks and the names of the axes, and the diagonal.
pub(super) fn axes(svg: &mut Svg, x_name: &str, y_name: &str) {
    let label = Font::new(26.0, SOFT_INK);
    for tick in 0..=10 {
        let at = f64::from(tick) / 10.0;
        let labelled = tick % 2 == 0;
        if (1..10).contains(&tick) {
            svg.line(&[place((at, 0.0)), place((at, 1.0))], 1.0, GRID);
            svg.line(&[place((0.0, at)), place((1.0, at))], 1.0, GRID);
        }
        let (x, y) = place((at, at));
        let length = if labelled { 9.0 } else { 5.0 };
        svg.line(&[(x, BOTTOM), (x, BOTTOM + length)], 1.5, FRAME);
        svg.line(&[(LEFT - length, y), (LEFT, y)], 1.5, FRAME);
        if labelled {
            svg.text(&format!("{at:.1}"), (x, BOTTOM + 36.0), label.align(Align::Center));
            svg.text(&format!("{at:.1}"), (LEFT - 18.0, y + 8.0), label.align(Align::Right));
        }
    }
    let name = Font::new(27.0, INK).align(Align::Center);
    svg.text(x_name, (f64::midpoint(LEFT, RIGHT), BOTTOM + 80.0), name);
    svg.text(y_name, (46.0, f64::midpoint(TOP, BOTTOM)), name.vertical());
    svg.dashes([place((0.0, 0.0)), place((1.0, 1.0))], 2.5, DIAGONAL);
}

/// The border of the unit square.
pub(super) fn frame(svg: &mut Svg) {
    let corners = [(LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM), (LEFT, TOP)];
    svg.line(&corners, 1.5, FRAME);
}

/// A note in place of the data.
pub(super) fn no_data(svg: &mut Svg) {
    frame(svg);
    let (x, y) = place((0.5, 0.5));
    let corners =
        [(x - 340.0, y - 62.0), (x + 340.0, y - 62.0), (x + 340.0, y + 66.0), (x - 340.0, y + 66.0)];
    svg.area(&corners, WHITE, 1.0);
    let centred = |colour| Font::new(32.0, colour).align(Align::Center);
    svg.text("This run has no results to draw.", (x, y - 6.0), centred(INK).bold());
    svg.text("info.log gives the reason and the next step.", (x, y + 38.0), centred(SOFT_INK));
}
