//! Turns an SVG into a PNG.
//!
//! Owns pixels and their encoding. Must not know what the picture shows.

use png::{BitDepth, ColorType, DeflateCompression, Filter};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use super::palette::Indexed;
use super::svg::Svg;
use super::{ReportError, font};

/// Of a palette's indexes, higher levels take much longer and save little.
const COMPRESSION: DeflateCompression = DeflateCompression::Level(4);

/// Draws the picture, which covers its whole background, as a PNG without transparency.
pub(super) fn png(svg: &Svg) -> Result<Vec<u8>, ReportError> {
    let tree = Tree::from_str(&svg.document(), &font::svg_options())?;
    let (width, height) = svg.size;
    let mut pixmap = Pixmap::new(width, height).expect("a chart's size is a constant that can be drawn");
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    let indexed = Indexed::of(pixmap.data());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(indexed.palette);
    // The difference of two indexes means nothing.
    encoder.set_filter(Filter::NoFilter);
    encoder.set_deflate_compression(COMPRESSION);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indexed.indexes)?;
    writer.finish()?;
    Ok(bytes)
}
