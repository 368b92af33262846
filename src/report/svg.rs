//! Writes a picture as SVG: lines, areas, dots and text.
//!
//! Owns the markup. Must not know what the picture shows. Coordinates are pixels from the upper left corner.

use std::fmt::{self, Write as _};

use super::font;

pub(super) type Point = (f64, f64);

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// Where a text lies relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// The embedded font's em as a share of its line, which is 932 units above the baseline and 189 below it.
const EM: f64 = 1000.0 / 1121.0;

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    /// Height of a line in pixels.
    pub size: f64,
    pub colour: Colour,
    /// The embedded font has one light weight; bold outlines its letters.
    pub bold: bool,
    pub align: Align,
    /// Rotated, to be read from the bottom to the top.
    pub vertical: bool,
}

impl Font {
    pub fn new(size: f64, colour: Colour) -> Self {
        Self { size, colour, bold: false, align: Align::Left, vertical: false }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    pub fn vertical(self) -> Self {
        Self { vertical: true, ..self }
    }

    /// The width of `text` in this font.
    pub fn width(&self, text: &str) -> f64 {
        font::width(&font::drawable(text), self.size * EM)
    }
}

/// A picture; what is drawn later lies above what is drawn earlier.
pub(super) struct Svg {
    pub size: (u32, u32),
    pub background: Colour,
    elements: String,
}

impl Svg {
    pub fn new(size: (u32, u32), background: Colour) -> Self {
        Self { size, background, elements: String::new() }
    }

    /// A line through `points`, with round corners and ends.
    pub fn line(&mut self, points: &[Point], width: f64, colour: Colour) {
        let points = Points(points);
        self.push(format_args!(r#"<polyline points="{points}" stroke="{colour}" stroke-width="{width}"/>"#));
    }

    /// A straight line of dashes.
    pub fn dashes(&mut self, [from, to]: [Point; 2], width: f64, colour: Colour) {
        let points = Points(&[from, to]);
        self.push(format_args!(
            r#"<polyline points="{points}" stroke="{colour}" stroke-width="{width}" stroke-dasharray="13 9" stroke-linecap="butt"/>"#
        ));
    }

    /// A filled area, `opacity` from 0 to 1.
    pub fn area(&mut self, corners: &[Point], colour: Colour, opacity: f64) {
        let points = Points(corners);
        self.push(format_args!(r#"<polygon points="{points}" fill="{colour}" fill-opacity="{opacity}"/>"#));
    }

    /// A filled circle.
    pub fn dot(&mut self, (x, y): Point, radius: f64, colour: Colour) {
        self.push(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{colour}"/>"#));
    }

    /// Text whose baseline is at `at`.
    pub fn text(&mut self, text: &str, (x, y): Point, font: Font) {
        let Font { colour, .. } = font;
        let size = font.size * EM;
        let anchor = match font.align {
            Align::Left => "start",
            Align::Center => "middle",
            Align::Right => "end",
        };
        let stroke = if font.bold { font.size / 45.0 } else { 0.0 };
        let angle = if font.vertical { -90 } else { 0 };
        let text = escaped(&font::drawable(text));
        self.push(format_args!(
            r#"<text transform="translate({x:.1} {y:.1}) rotate({angle})" font-size="{size:.2}" text-anchor="{anchor}" fill="{colour}" stroke="{colour}" stroke-width="{stroke:.2}">{text}</text>"#
        ));
    }

    /// Elements of another picture, whose classes have the style `style`; `scale` times as large, with its corner at `at`.
    pub fn embed(&mut self, elements: &str, style: &str, (x, y): Point, scale: f64) {
        let elements = font::drawable(elements);
        self.push(format_args!(
            r#"<style>{style}</style><g transform="translate({x:.1} {y:.1}) scale({scale})" stroke-linecap="butt">{elements}</g>"#
        ));
    }

    /// The document without the background, which a rasteriser fills faster than it draws a rectangle. Shapes are moved by half a
    /// pixel, so that a line of one pixel fills whole pixels.
    pub fn document(&self) -> String {
        let (width, height) = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\n\
             <g transform=\"translate(0.5 0.5)\" fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n\
             {}</g>\n</svg>\n",
            self.elements
        )
    }

    fn push(&mut self, element: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.elements, "{element}");
    }
}

/// The value of a `points` attribute, to a tenth of a pixel. Points that coincide there are written once: a curve
/// can have as many points as a dataset has samples.
struct Points<'p>(&'p [Point]);

impl fmt::Display for Points<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |&(x, y): &Point| ((x * 10.0).round() as i64, (y * 10.0).round() as i64);
        let mut before = None;
        for point in self.0 {
            let here = Some(tenths(point));
            if here != before {
                write!(f, "{:.1},{:.1} ", point.0, point.1)?;
                before = here;
            }
        }
        Ok(())
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Colour = Colour(0, 114, 178);

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::new((10, 10), INK);
        svg.text("a <b> & \u{0}", (1.0, 2.0), Font::new(20.0, INK));
        assert!(svg.document().contains(">a &lt;b&gt; &amp;  </text>"), "{}", svg.document());
    }

    #[test]
    fn points_that_coincide_are_written_once() {
        assert_eq!(Points(&[(1.0, 2.0), (1.01, 2.04), (3.0, 4.0)]).to_string(), "1.0,2.0 3.0,4.0 ");
    }

    #[test]
    fn a_colour_is_written_in_hexadecimal() {
        assert_eq!(INK.to_string(), "#0072b2");
    }
}
