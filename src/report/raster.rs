//! Turns an SVG into a PNG.
//!
//! Owns pixels and their encoding. Must not know what the picture shows.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use super::svg::Svg;
use super::{ReportError, font};

/// Bytes of a pixel of the rasteriser: red, green, blue and alpha.
const PIXEL: usize = 4;

/// Draws the picture, which covers its whole background, as a PNG without transparency.
pub(super) fn png(svg: &Svg) -> Result<Vec<u8>, ReportError> {
    let tree = Tree::from_str(&svg.document(), &font::svg_options())?;
    let (width, height) = svg.size;
    let mut pixmap = Pixmap::new(width, height).expect("a chart's size is a constant that can be drawn");
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    let rgb: Vec<u8> = pixmap.data().chunks_exact(PIXEL).flat_map(|pixel| &pixel[..3]).copied().collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    Ok(bytes)
}
