//! A picture with smooth edges: shapes are drawn twice as large as asked and
//! averaged down, because the bitmap backend itself draws hard edges.
//!
//! Owns pixels, the font and the encoding. Must not know what is drawn.
//! Coordinates are those of the finished picture, from the upper left corner.

use std::sync::OnceLock;

use plotters::backend::BitMapBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Polygon};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, IntoFont as _, RGBColor, ShapeStyle, TextStyle};

use super::ReportError;

/// How many drawn pixels make one finished pixel, in each direction.
const SCALE: u32 = 2;
const FONT: &str = "moodle-mlbackend";

pub(super) type Point = (f64, f64);

/// How a piece of text looks.
#[derive(Clone, Copy)]
pub(super) struct Font {
    /// Height of a line in pixels.
    pub size: f64,
    pub colour: RGBColor,
    /// The embedded font has one light weight; bold is drawn by laying it over itself.
    pub bold: bool,
    pub align: HPos,
    /// Turned to be read from below upwards.
    pub upwards: bool,
}

impl Font {
    pub fn new(size: f64, colour: RGBColor) -> Self {
        Self { size, colour, bold: false, align: HPos::Left, upwards: false }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn align(self, align: HPos) -> Self {
        Self { align, ..self }
    }

    pub fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    fn style(&self) -> TextStyle<'_> {
        let transform = if self.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let font = (FONT, self.size * f64::from(SCALE)).into_font().transform(transform);
        TextStyle::from(font).color(&self.colour).pos(Pos::new(self.align, VPos::Top))
    }
}

/// A picture being drawn.
pub(super) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// Draws a picture of `size` pixels, as a PNG.
pub(super) fn paint(
    size: (u32, u32),
    background: RGBColor,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), ReportError>,
) -> Result<Vec<u8>, ReportError> {
    load_font()?;
    let large = (size.0 * SCALE, size.1 * SCALE);
    let mut pixels = vec![0_u8; large.0 as usize * large.1 as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, large).into_drawing_area();
        area.fill(&background).map_err(chart_error)?;
        draw(&Canvas { area })?;
    }
    let small = averaged(&pixels, large.0 as usize);
    encoded(size, &small).map_err(chart_error)
}

fn encoded((width, height): (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

impl Canvas<'_> {
    /// A line through `points`, with round corners.
    pub fn line(&self, points: &[Point], width: f64, colour: RGBColor) -> Result<(), ReportError> {
        let style = ShapeStyle::from(&colour);
        #[expect(clippy::cast_sign_loss, reason = "at least 1")]
        let stroke = (width * f64::from(SCALE)).round().max(1.0) as u32;
        let mut pixels: Vec<(i32, i32)> = points.iter().copied().map(pixel).collect();
        pixels.dedup();
        // Piece by piece: as one path, steps shorter than the line is wide would leave holes.
        for piece in pixels.windows(2) {
            let path = PathElement::new(piece.to_vec(), style.stroke_width(stroke));
            self.area.draw(&path).map_err(chart_error)?;
            if stroke > 2 {
                self.area.draw(&Circle::new(piece[1], stroke / 2, style.filled())).map_err(chart_error)?;
            }
        }
        Ok(())
    }

    /// A straight line of dashes.
    pub fn dashes(
        &self,
        (from, to): (Point, Point),
        width: f64,
        colour: RGBColor,
        (dash, gap): (f64, f64),
    ) -> Result<(), ReportError> {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(1.0);
        let at = |d: f64| (from.0 + (to.0 - from.0) * d / length, from.1 + (to.1 - from.1) * d / length);
        let mut start = 0.0;
        while start < length {
            self.line(&[at(start), at((start + dash).min(length))], width, colour)?;
            start += dash + gap;
        }
        Ok(())
    }

    /// A filled shape, `opacity` from 0 to 1.
    pub fn fill(&self, corners: &[Point], colour: RGBColor, opacity: f64) -> Result<(), ReportError> {
        let mut pixels: Vec<(i32, i32)> = corners.iter().copied().map(pixel).collect();
        pixels.dedup();
        if pixels.len() < 3 {
            return Ok(());
        }
        self.area.draw(&Polygon::new(pixels, colour.mix(opacity))).map_err(chart_error)
    }

    /// Text whose letters stand on `at`.
    pub fn text(&self, text: &str, at: Point, font: Font) -> Result<(), ReportError> {
        let style = font.style();
        // The font rasteriser puts the letters' foot half a line below where it is told to draw.
        let (x, y) = pixel(at);
        let half = (font.size * f64::from(SCALE) / 2.0) as i32;
        let heavier = if font.bold { (font.size * f64::from(SCALE) / 45.0).ceil() as i32 } else { 0 };
        for shift in 0..=heavier {
            let origin = if font.upwards { (x - half, y + shift) } else { (x + shift, y - half) };
            self.area.draw_text(text, &style, origin).map_err(chart_error)?;
        }
        Ok(())
    }

    /// How wide `text` will be.
    pub fn width(&self, text: &str, font: Font) -> Result<f64, ReportError> {
        let (width, _) = self.area.estimate_text_size(text, &font.style()).map_err(chart_error)?;
        Ok(f64::from(width) / f64::from(SCALE))
    }
}

fn pixel((x, y): Point) -> (i32, i32) {
    ((x * f64::from(SCALE)).round() as i32, (y * f64::from(SCALE)).round() as i32)
}

/// Each finished pixel is the mean of the four drawn pixels it covers ([`SCALE`] squared).
fn averaged(pixels: &[u8], width: usize) -> Vec<u8> {
    let row_bytes = width * 3;
    let mut small = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(row_bytes * 2) {
        let (upper, lower) = rows.split_at(row_bytes);
        for (u, l) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            let mean = |c: usize| {
                ((u16::from(u[c]) + u16::from(u[c + 3]) + u16::from(l[c]) + u16::from(l[c + 3])) / 4) as u8
            };
            small.extend_from_slice(&[mean(0), mean(1), mean(2)]);
        }
    }
    small
}

/// No system font is needed: a container has none.
fn load_font() -> Result<(), ReportError> {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let load = || {
        plotters::style::register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok()
    };
    if *LOADED.get_or_init(load) {
        Ok(())
    } else {
        Err(ReportError::Chart("the embedded font cannot be read".to_owned()))
    }
}

fn chart_error(error: impl std::fmt::Display) -> ReportError {
    ReportError::Chart(error.to_string())
}
