//! Turns an SVG into a PNG.
//!
//! Owns pixels and their encoding. Must not know what the picture shows.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use png::{BitDepth, ColorType, chunk};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::Tree;

use super::palette::Indexed;
use super::svg::{Colour, Svg};
use super::{ReportError, font};

/// An evaluation makes seven pictures, and should not take noticeably longer for them: level 4 makes files of two thirds of the size
/// in several times the time.
const COMPRESSION: u32 = 1;

/// The filter of a row: none, because the difference of two indexes means nothing.
const NO_FILTER: u8 = 0;

/// Draws the picture as a PNG without transparency.
pub(super) fn png(svg: &Svg) -> Result<Vec<u8>, ReportError> {
    let tree = Tree::from_str(&svg.document(), &font::svg_options())?;
    let (width, height) = svg.size;
    let mut pixmap = Pixmap::new(width, height).expect("a chart's size is a constant that can be drawn");
    let Colour(red, green, blue) = svg.background;
    pixmap.fill(Color::from_rgba8(red, green, blue, u8::MAX));
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    let indexed = Indexed::of(pixmap.data());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(indexed.palette);
    let mut writer = encoder.write_header()?;
    writer.write_chunk(chunk::IDAT, &compressed(&indexed.indexes, width as usize)?)?;
    writer.finish()?;
    Ok(bytes)
}

/// The rows of a picture, compressed at once: the encoder of `png` compresses row by row, and clears a buffer of 32 KiB twice for each,
/// which takes longer than all else.
fn compressed(indexes: &[u8], width: usize) -> Result<Vec<u8>, ReportError> {
    let rows = indexes.chunks(width);
    let mut filtered = Vec::with_capacity(indexes.len() + rows.len());
    for row in rows {
        filtered.push(NO_FILTER);
        filtered.extend_from_slice(row);
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(COMPRESSION));
    let compressed = encoder.write_all(&filtered).and_then(|()| encoder.finish());
    Ok(compressed.map_err(png::EncodingError::from)?)
}
