//! Reduces a picture to the few colours of a palette: a chart has few colours, and shades of them where edges are smoothed.
//! Without it, a PNG is twice as large and takes three times as long to encode.
//!
//! Must not know how a picture is encoded. The crates `color_quant` and `imagequant` are made for photographs: their palettes
//! are means of similar colours, but the colours of a chart must stay as they are.

use std::cmp::Reverse;
use std::collections::HashMap;

/// The maximum number of colours. More of them would only make edges smoother than can be seen.
const MAX_COLOURS: usize = 128;

/// The most frequent colours are kept as they are: areas, lines and the grid, which is nearly white.
const KEPT: usize = 32;

/// Red, green and blue.
type Rgb = [u8; 3];

/// A pixel of the rasteriser: red, green, blue and alpha.
type Pixel = [u8; 4];

/// Different colours, each with its number of pixels.
type Colours = Vec<(Rgb, usize)>;

/// A picture as indexes of a palette.
pub(super) struct Indexed {
    /// Red, green and blue of each colour, the most frequent one first.
    pub palette: Vec<u8>,
    /// One for each pixel.
    pub indexes: Vec<u8>,
}

impl Indexed {
    /// Reduces opaque pixels. Less frequent colours whose upper bits are equal become the most frequent one of them; the number
    /// of bits is the largest one that leaves few enough.
    pub fn of(bytes: &[u8]) -> Self {
        let pixels = bytes.as_chunks().0;
        let (colours, runs) = counted(pixels);
        let (palette, index_of) = (0..u8::BITS).find_map(|lost| reduce(&colours, lost)).unwrap_or_default();
        let mut indexes = Vec::with_capacity(pixels.len());
        for (colour, length) in runs {
            indexes.resize(indexes.len() + length, index_of[colour]);
        }
        Self { palette: palette.concat(), indexes }
    }
}

/// The colours with their numbers of pixels, and the runs of equal pixels: the place of their colour, and their length. A picture
/// has ten thousands of runs and a few hundred colours, so that a run is looked up once.
fn counted(pixels: &[Pixel]) -> (Colours, Vec<(usize, usize)>) {
    let (mut colours, mut places) = (Vec::new(), HashMap::new());
    let place_and_length = |(pixel, length): (Pixel, usize)| {
        let place = *places.entry(number(pixel)).or_insert(colours.len());
        if place == colours.len() {
            let [red, green, blue, _] = pixel;
            colours.push(([red, green, blue], 0));
        }
        colours[place].1 += length;
        (place, length)
    };
    let runs = runs(pixels).map(place_and_length).collect();
    (colours, runs)
}

/// The palette, and the index of each colour, without the lowest `lost` bits; `None` if there are too many colours.
fn reduce(colours: &[(Rgb, usize)], lost: u32) -> Option<(Vec<Rgb>, Vec<u8>)> {
    let mut most_frequent_first: Vec<usize> = (0..colours.len()).collect();
    most_frequent_first.sort_unstable_by_key(|&place| (Reverse(colours[place].1), colours[place].0));
    let (mut palette, mut index_of_group) = (Vec::new(), HashMap::new());
    let mut index_of = vec![0; colours.len()];
    for place in most_frequent_first {
        let colour = colours[place].0;
        let group = colour.map(|channel| channel >> lost);
        let known = index_of_group.get(&group).copied().filter(|_| palette.len() >= KEPT);
        let index = known.unwrap_or(palette.len());
        if index == palette.len() {
            palette.push(colour);
            index_of_group.entry(group).or_insert(index);
        }
        index_of[place] = u8::try_from(index).ok()?;
    }
    (palette.len() <= MAX_COLOURS).then_some((palette, index_of))
}

/// Each run of equal pixels, and its length.
fn runs(mut pixels: &[Pixel]) -> impl Iterator<Item = (Pixel, usize)> {
    std::iter::from_fn(move || {
        let pixel = *pixels.first()?;
        let length = length_of_run(pixel, pixels);
        pixels = &pixels[length..];
        Some((pixel, length))
    })
}

/// How many of the first pixels are equal to `pixel`. Most of a chart is background, so whole blocks are compared, which the compiler
/// does with few instructions.
fn length_of_run(pixel: Pixel, pixels: &[Pixel]) -> usize {
    const BLOCK: usize = 16;
    let is_equal = |one: &Pixel| number(*one) == number(pixel);
    let are_equal = |block: &&[Pixel; BLOCK]| block.iter().fold(true, |all, one| all & is_equal(one));
    let whole = pixels.as_chunks().0.iter().take_while(are_equal).count() * BLOCK;
    whole + pixels[whole..].iter().take_while(|one| is_equal(one)).count()
}

/// A number is compared and looked up faster than bytes.
fn number(pixel: Pixel) -> u32 {
    u32::from_ne_bytes(pixel)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours of the pixels after a reduction.
    fn reduced(colours: &[Rgb]) -> Vec<Rgb> {
        let pixels: Vec<u8> =
            colours.iter().flat_map(|&[red, green, blue]| [red, green, blue, 255]).collect();
        let Indexed { palette, indexes } = Indexed::of(&pixels);
        assert!(palette.len() <= 3 * MAX_COLOURS);
        let colour = |index: &u8| palette.as_chunks().0[usize::from(*index)];
        indexes.iter().map(colour).collect()
    }

    #[test]
    fn few_colours_are_kept() {
        let colours: Vec<Rgb> = (0..64).map(|shade| [shade, 255 - shade, 7]).collect();
        assert_eq!(reduced(&colours), colours);
    }

    #[test]
    fn of_many_colours_the_frequent_ones_are_kept_and_the_others_change_little() {
        let shades = (0..=255).flat_map(|red| (0..4).map(move |blue| [red, 40, blue * 3]));
        let main = [[255, 255, 255], [250, 250, 250], [1, 115, 179]];
        let colours: Vec<Rgb> = main.into_iter().cycle().take(100).chain(shades).collect();
        let reduced = reduced(&colours);
        assert_eq!(reduced[..100], colours[..100]);
        for (colour, reduced) in colours.iter().zip(&reduced) {
            let change = colour.iter().zip(reduced).map(|(one, other)| one.abs_diff(*other)).max();
            assert!(change.is_some_and(|change| change < 32), "{colour:?} became {reduced:?}");
        }
    }

    #[test]
    fn any_number_of_colours_can_be_reduced() {
        let colours: Vec<Rgb> = (0..=u16::MAX).map(|n| [n.to_be_bytes()[0], n.to_be_bytes()[1], 0]).collect();
        assert_eq!(reduced(&colours).len(), colours.len());
    }
}
