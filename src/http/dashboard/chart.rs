//! The scores of evaluations over time as a picture.
//!
//! Owns the picture. The table of evaluations has the same figures, so it is hidden from screen readers but for its title. Must
//! not know what a score means.

use jiff::Timestamp;
use maud::{Markup, html};

use super::texts::Texts;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 38.0;

/// One evaluation.
pub(super) struct Point {
    pub(super) time: Timestamp,
    /// From 0 to 1.
    pub(super) score: f64,
    /// Whether it is good enough for Moodle.
    pub(super) is_good: bool,
}

/// The picture of points in the order of time; nothing for fewer than two. They have the same distance from each other: many
/// evaluations of one day, and one a month later, stay readable.
pub(super) fn scores(texts: Texts, title: &str, points: &[Point]) -> Option<Markup> {
    let last = points.len().checked_sub(1).filter(|last| *last > 0)?;
    let x = |at: usize| LEFT + (WIDTH - LEFT - RIGHT) * at as f64 / last as f64;
    let y = |score: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - score.clamp(0.0, 1.0));
    let line: Vec<String> =
        points.iter().enumerate().map(|(at, point)| format!("{:.1},{:.1}", x(at), y(point.score))).collect();
    let ends = [(0, "start"), (last, "end")];
    Some(html! {
        svg class="plot" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
            @for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
                line class="grid" x1=(LEFT) x2=(WIDTH - RIGHT) y1=(number(y(tick))) y2=(number(y(tick))) {}
                text x=(LEFT - 8.0) y=(number(y(tick) + 6.0)) text-anchor="end" { (texts.number(tick, 2)) }
            }
            @for (at, anchor) in ends {
                text x=(number(x(at))) y=(HEIGHT - 8.0) text-anchor=(anchor) { (day(texts, points[at].time)) }
            }
            polyline class="line" points=(line.join(" ")) {}
            @for (at, point) in points.iter().enumerate() {
                circle class={"dot" @if !point.is_good { " low" }} cx=(number(x(at))) cy=(number(y(point.score))) r="5" {
                    title { (texts.number(point.score, 3)) " · " (texts.time(point.time)) }
                }
            }
        }
    })
}

/// A share of the largest one, as a bar.
pub(super) fn meter(share: f64) -> Markup {
    html! {
        svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect class="back" width="100" height="8" rx="2" {}
            rect class="bar0" width=(number(100.0 * share.clamp(0.0, 1.0))) height="8" rx="2" {}
        }
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

fn day(texts: Texts, time: Timestamp) -> String {
    let text = texts.time(time);
    text.split(',').next().unwrap_or_default().to_owned()
}
