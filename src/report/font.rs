//! The font of the charts, embedded in the program: a container has no system fonts.
//!
//! Owns which characters can be drawn and how wide they are. Must not know what is written with them.

use std::sync::{Arc, LazyLock};

use epaint_default_fonts::UBUNTU_LIGHT;
use resvg::usvg::fontdb::{Database, ID, Source};
use resvg::usvg::{FontResolver, Options};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider as _};

/// Replaces a character without a glyph.
const REPLACEMENT: char = '?';

static FONT: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::new(UBUNTU_LIGHT).expect("the embedded font is valid"));

static DATABASE: LazyLock<(Arc<Database>, Option<ID>)> = LazyLock::new(|| {
    let mut database = Database::new();
    let ids = database.load_font_source(Source::Binary(Arc::new(UBUNTU_LIGHT)));
    (Arc::new(database), ids.first().copied())
});

/// The SVG parser's options: this font for all text, and no other.
pub(super) fn svg_options() -> Options<'static> {
    let (database, font) = &*DATABASE;
    let font_resolver =
        FontResolver { select_font: Box::new(|_, _| *font), select_fallback: Box::new(|_, _, _| None) };
    Options { font_resolver, fontdb: Arc::clone(database), ..Options::default() }
}

/// The text with every control character as a space, and every other character that the font lacks as `?`.
/// What is left is safe in XML once its markup is escaped, and needs no other font.
pub(super) fn drawable(text: &str) -> String {
    let charmap = FONT.charmap();
    let shown = |c: char| match c {
        c if c.is_control() => ' ',
        c if charmap.map(c).is_some() => c,
        _ => REPLACEMENT,
    };
    text.chars().map(shown).collect()
}

/// The width of drawable `text`, `em` pixels to the em. Kerning is left out: it is below a pixel here.
pub(super) fn width(text: &str, em: f64) -> f64 {
    let charmap = FONT.charmap();
    let metrics = FONT.glyph_metrics(Size::new(em as f32), LocationRef::default());
    let glyph = |c: char| -> Option<GlyphId> { charmap.map(c) };
    text.chars().filter_map(glyph).filter_map(|glyph| metrics.advance_width(glyph)).map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_without_a_glyph_are_replaced() {
        assert_eq!(drawable("Größe ± 1\u{1b}\u{ffff}漢"), "Größe ± 1 ??");
    }

    #[test]
    fn a_longer_text_is_wider_and_the_width_grows_with_the_size() {
        assert!(width("mean of the iterations", 20.0) > width("mean", 20.0));
        assert!((width("mean", 40.0) - 2.0 * width("mean", 20.0)).abs() < 0.1);
        assert!(width("", 20.0).abs() < f64::EPSILON);
    }
}
