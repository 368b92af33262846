//! The right side of a chart: a column of large figures, legend entries and paragraphs.
//!
//! Owns their layout. Must not know which chart they belong to.

use super::chart::{DIAGONAL, INK, SOFT_INK};
use super::svg::{Align, Font, Point, Svg};
use super::{RunReport, format};
use crate::text::Untrusted;

const LEFT: f64 = 1124.0;
const RIGHT: f64 = 1552.0;
/// Below this there is no room for another paragraph.
const LAST_START: f64 = 980.0;

pub(super) const LARGE: f64 = 76.0;
pub(super) const LARGEST: f64 = 104.0;

/// Draws from top to bottom.
pub(super) struct Panel<'s> {
    pub svg: &'s mut Svg,
    y: f64,
}

impl<'s> Panel<'s> {
    /// An empty panel.
    pub fn new(svg: &'s mut Svg) -> Self {
        Self { svg, y: 158.0 }
    }

    /// The chart's main figure, `size` high, and a smaller addition to its right.
    pub fn headline(&mut self, name: &str, figure: &str, size: f64, addition: &str) {
        let baseline = self.y + if size < LARGEST { 90.0 } else { 102.0 };
        let font = Font::new(size, INK).bold();
        self.svg.text(name, (LEFT, self.y + 20.0), Font::new(27.0, SOFT_INK));
        self.svg.text(figure, (LEFT - 2.0, baseline), font);
        let x = LEFT + font.width(figure) + 12.0;
        self.svg.text(addition, (x, baseline), Font::new(44.0, SOFT_INK));
        self.y += 136.0;
    }

    /// The messages of a run without results, as far as there is room.
    pub fn messages(&mut self, info: &[String]) {
        self.gap(8.0);
        for sentence in info {
            if self.has_room() {
                self.paragraph(&Untrusted(sentence).line(220), Font::new(28.0, INK));
                self.gap(14.0);
            }
        }
        if !info.is_empty() {
            self.rule();
        }
    }

    /// The left and right end of the next legend entry's symbol.
    pub fn symbol(&self) -> [Point; 2] {
        [(LEFT, self.y), (LEFT + 52.0, self.y)]
    }

    /// A legend entry, beside its symbol.
    pub fn entry(&mut self, text: &str) {
        self.svg.text(text, (LEFT + 72.0, self.y + 8.0), Font::new(26.0, INK));
        self.gap(42.0);
    }

    /// A name on the left, its value on the right.
    pub fn row(&mut self, name: &str, value: &str) {
        let font = Font::new(26.0, INK);
        self.svg.text(value, (RIGHT, self.y + 8.0), font.align(Align::Right));
        self.text_line(name, font);
    }

    /// Text broken into lines at spaces.
    pub fn paragraph(&mut self, text: &str, font: Font) {
        for line in format::wrapped(text, |line| font.width(line) <= RIGHT - LEFT) {
            self.text_line(&line, font);
        }
    }

    /// An explanation in small, soft letters.
    pub fn note(&mut self, text: &str) {
        self.paragraph(text, Font::new(25.0, SOFT_INK));
    }

    /// Vertical space.
    pub fn gap(&mut self, pixels: f64) {
        self.y += pixels;
    }

    /// A thin line between two blocks.
    pub fn rule(&mut self) {
        self.svg.line(&[(LEFT, self.y + 4.0), (RIGHT, self.y + 4.0)], 1.0, DIAGONAL);
        self.gap(44.0);
    }

    /// Whether another paragraph fits.
    pub fn has_room(&self) -> bool {
        self.y < LAST_START
    }

    /// The run and its time, at the bottom.
    pub fn footer(&mut self, report: &RunReport<'_>) {
        let footer = format!("Run {}, {}", Untrusted(&report.run).line(24), format::time(report.started));
        self.svg.text(&footer, (LEFT, 1178.0), Font::new(21.0, SOFT_INK));
    }

    fn text_line(&mut self, line: &str, font: Font) {
        self.svg.text(line, (LEFT, self.y + 8.0), font);
        self.gap((font.size * 1.36).round());
    }
}
