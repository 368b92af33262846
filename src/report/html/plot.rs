//! Pictures of the page: axes, lines, bars and dots as SVG within the page, in the colours of its style sheet.
//!
//! Owns the geometry. Must not know what a picture shows. Classes `c0` … `c5` are the colours of the style sheet, so that
//! pictures follow the light or dark scheme of the reader.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The size of a picture in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
pub(in crate::report) const SIZE: (f64, f64) = (WIDTH, HEIGHT);
/// The sides of the area of the data.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 612.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 340.0;

/// A point in the units of the axes.
pub(super) type Point = (f64, f64);

/// An axis from `low` to `high` with some labelled values.
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to 1, as percentages.
    pub(super) fn share(name: impl Into<String>) -> Self {
        let ticks = (0..=5).map(|tick| f64::from(tick) / 5.0);
        Self {
            name: name.into(),
            low: 0.0,
            high: 1.0,
            ticks: ticks.map(|tick| (tick, format!("{:.0} %", tick * 100.0))).collect(),
        }
    }

    /// From 0 to `max`, with about five round values.
    pub(super) fn up_to(name: impl Into<String>, max: f64) -> Self {
        let step = round_step(max / 4.0);
        let ticks = (0..=12).map(|n| f64::from(n) * step).take_while(|tick| *tick <= max * 1.000_001);
        let digits = usize::from(step < 1.0) * (-step.log10()).ceil().max(0.0) as usize;
        Self {
            name: name.into(),
            low: 0.0,
            high: max,
            ticks: ticks.map(|tick| (tick, format!("{tick:.digits$}"))).collect(),
        }
    }

    /// Around some values between 0 and 1, with steps of 0.05 or 0.1: small differences would not be seen on the whole range.
    pub(super) fn around(name: impl Into<String>, values: &[f64]) -> Self {
        let steps: Vec<f64> = values
            .iter()
            .filter(|value| value.is_finite())
            .map(|value| value.clamp(0.0, 1.0) * 20.0)
            .collect();
        if steps.is_empty() {
            return Self::share(name);
        }
        let (low, high) =
            steps.iter().fold((20.0_f64, 0.0_f64), |(low, high), &at| (low.min(at), high.max(at)));
        let last = (((high + 0.5).ceil().min(20.0)) as u32).max(2);
        let first = ((low - 0.5).floor().max(0.0) as u32).min(last - 2);
        let stride = if last - first > 6 { 2 } else { 1 };
        let ticks = (first..=last).step_by(stride).map(|tick| f64::from(tick) / 20.0);
        Self {
            name: name.into(),
            low: f64::from(first) / 20.0,
            high: f64::from(last) / 20.0,
            ticks: ticks.map(|tick| (tick, format!("{tick:.2}"))).collect(),
        }
    }

    fn share_of(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_step(step: f64) -> f64 {
    if !(step.is_finite() && step > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|round| *round >= step * 0.999)
        .unwrap_or(step)
}

/// A picture; what is added later lies above what was added before.
pub(in crate::report) struct Plot {
    x: Axis,
    y: Axis,
    marks: Vec<Markup>,
}

impl Plot {
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, marks: Vec::new() }
    }

    fn place(&self, (x, y): Point) -> Point {
        (LEFT + self.x.share_of(x) * (RIGHT - LEFT), BOTTOM - self.y.share_of(y) * (BOTTOM - TOP))
    }

    fn path(&self, points: impl IntoIterator<Item = Point>) -> String {
        let mut text = String::new();
        for (x, y) in points.into_iter().map(|point| self.place(point)) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{x:.1},{y:.1} ");
        }
        text
    }

    /// A line through points; the class also sets its style, such as `dashed`.
    pub(super) fn line(&mut self, points: impl IntoIterator<Item = Point>, class: &str) {
        let points = self.path(points);
        self.marks.push(html! { polyline class={"line " (class)} points=(points) {} });
    }

    /// A filled area.
    pub(super) fn area(&mut self, corners: impl IntoIterator<Item = Point>, class: &str) {
        let points = self.path(corners);
        self.marks.push(html! { polygon class={"area " (class)} points=(points) {} });
    }

    /// A bar between two values of x, from 0 to `y`.
    pub(super) fn bar(&mut self, (from, to): (f64, f64), y: f64, class: &str) {
        let ((left, top), (right, bottom)) = (self.place((from, y)), self.place((to, self.y.low)));
        self.marks.push(html! {
            rect class={"bar " (class)} x=(tenths(left)) y=(tenths(top)) width=(tenths(right - left)) height=(tenths(bottom - top)) {}
        });
    }

    /// A dot.
    pub(super) fn dot(&mut self, at: Point, class: &str) {
        let (x, y) = self.place(at);
        self.marks.push(html! { circle class={"dot " (class)} cx=(tenths(x)) cy=(tenths(y)) r="4.5" {} });
    }

    /// A vertical or horizontal line through the whole area, with a label at its end.
    pub(super) fn limit(&mut self, limit: Limit, label: &str) {
        let (from, to, at, anchor) = match limit {
            Limit::X(x) => {
                let (x, _) = self.place((x, self.y.low));
                let (at, anchor) = if x > RIGHT - 140.0 { (x - 6.0, "end") } else { (x + 6.0, "start") };
                ((x, TOP), (x, BOTTOM), (at, TOP + 16.0), anchor)
            }
            Limit::Y(y) => {
                let (_, y) = self.place((self.x.low, y));
                ((LEFT, y), (RIGHT, y), (RIGHT - 4.0, if y < TOP + 24.0 { y + 18.0 } else { y - 6.0 }), "end")
            }
        };
        self.marks.push(html! {
            line class="limit" x1=(tenths(from.0)) y1=(tenths(from.1)) x2=(tenths(to.0)) y2=(tenths(to.1)) {}
            text class="label" x=(tenths(at.0)) y=(tenths(at.1)) text-anchor=(anchor) { (label) }
        });
    }

    /// The picture; `description` is what people hear who cannot see it.
    pub(super) fn draw(self, description: &str) -> Markup {
        html! {
            svg class="plot" role="img" aria-label=(description) viewBox={"0 0 " (WIDTH) " " (HEIGHT)} { (self.elements()) }
        }
    }

    /// The elements of the picture, in an area of [`SIZE`].
    pub(in crate::report) fn elements(&self) -> Markup {
        let middle = (f64::midpoint(LEFT, RIGHT), f64::midpoint(TOP, BOTTOM));
        html! {
                @for (value, label) in &self.x.ticks {
                    @let (x, _) = self.place((*value, self.y.low));
                    line class="grid" x1=(tenths(x)) y1=(TOP) x2=(tenths(x)) y2=(BOTTOM) {}
                    text class="tick" x=(tenths(x)) y=(BOTTOM + 20.0) text-anchor="middle" { (label) }
                }
                @for (value, label) in &self.y.ticks {
                    @let (_, y) = self.place((self.x.low, *value));
                    line class="grid" x1=(LEFT) y1=(tenths(y)) x2=(RIGHT) y2=(tenths(y)) {}
                    text class="tick" x=(LEFT - 8.0) y=(tenths(y + 5.0)) text-anchor="end" { (label) }
                }
                @for mark in &self.marks { (mark) }
                text class="axis" x=(middle.0) y=(HEIGHT - 14.0) text-anchor="middle" { (self.x.name) }
                text class="axis" x="0" y="0" transform={"translate(16 " (middle.1) ") rotate(-90)"} text-anchor="middle" { (self.y.name) }
        }
    }
}

/// Where a limit lies.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    X(f64),
    Y(f64),
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(4.0, &["0", "1", "2", "3", "4"])]
    #[case(0.09, &["0.00", "0.05"])]
    #[case(1200.0, &["0", "500", "1000"])]
    fn an_axis_has_round_values(#[case] max: f64, #[case] expected: &[&str]) {
        let labels: Vec<String> = Axis::up_to("", max).ticks.into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, expected);
    }

    #[rstest]
    #[case(&[0.81, 0.86], 0.75, 0.9)]
    #[case(&[0.999], 0.9, 1.0)]
    #[case(&[], 0.0, 1.0)]
    #[case(&[f64::NAN, 0.5], 0.45, 0.55)]
    fn an_axis_around_values_holds_them(#[case] values: &[f64], #[case] low: f64, #[case] high: f64) {
        let axis = Axis::around("", values);
        assert!(
            (axis.low - low).abs() < 1e-9 && (axis.high - high).abs() < 1e-9,
            "{} {}",
            axis.low,
            axis.high
        );
        assert!(axis.ticks.len() >= 3);
    }

    #[test]
    fn an_axis_without_extent_still_has_a_finite_place() {
        let plot = Plot::new(Axis::up_to("", 1.0), Axis::share(""));
        let (x, y) = plot.place((f64::INFINITY, -1.0));
        assert!(x.is_finite() && (y - BOTTOM).abs() < 1e-9);
    }

    #[test]
    fn labels_are_escaped() {
        let mut plot = Plot::new(Axis::share("<b>"), Axis::share("y"));
        plot.limit(Limit::X(0.5), "<script>");
        let drawn = plot.draw("\"<i>").into_string();
        assert!(!drawn.contains("<b>") && !drawn.contains("<script>") && !drawn.contains("<i>"), "{drawn}");
    }
}
