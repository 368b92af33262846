//! Samples as compressed bytes, stored to train on them again together with the next batch.
//!
//! Owns the format: a version byte, then deflate over a binary form of the columns. Columns compress far better than
//! rows: 38,000 samples of 415 columns take less than a megabyte. The fingerprints of batches follow, and then the days of
//! samples and batches; versions without them ignore these bytes. Must not know where the bytes are stored.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::batches::{Batches, Fingerprint};
use super::column::Column;
use super::day::Day;
use super::features::Features;
use super::header::Class;
use super::labelled::Labelled;
use super::stored_samples::StoredSamples;

/// The version of the format that is written.
const VERSION: u8 = 1;

/// Stored samples could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A newer version of this program wrote them.
    #[error(
        "the stored samples have format {0}, but this version reads format {VERSION} only. Was it downgraded?"
    )]
    Version(u8),
    /// The bytes are damaged.
    #[error("the stored samples are damaged: {0}")]
    Damaged(String),
}

/// Borrows when it is written, because samples may take much memory.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    names: Cow<'a, [String]>,
    classes: Cow<'a, [Class]>,
    targets: Cow<'a, [u32]>,
    columns: Cow<'a, [Column]>,
}

/// The days of the samples and of the batches, each as a position in `days`: most samples share a few days.
#[derive(Serialize, Deserialize)]
struct DayTable {
    days: Vec<Day>,
    samples: Vec<u32>,
    batches: Vec<u32>,
}

impl DayTable {
    fn of(samples: &[Day], batches: &[Day]) -> Self {
        let mut days = [samples, batches].concat();
        days.sort_unstable();
        days.dedup();
        // Each day is there.
        let position = |day: &Day| days.binary_search(day).unwrap_or_default() as u32;
        let [samples, batches] = [samples, batches].map(|list| list.iter().map(position).collect());
        Self { days, samples, batches }
    }

    /// The days of the samples and of the batches; `None` if a position is invalid.
    fn read(&self) -> Option<(Vec<Day>, Vec<Day>)> {
        let day = |at: &u32| self.days.get(*at as usize).copied();
        let list = |positions: &[u32]| positions.iter().map(day).collect::<Option<Vec<Day>>>();
        Some((list(&self.samples)?, list(&self.batches)?))
    }
}

impl StoredSamples {
    /// The samples as compressed bytes; empty before the first batch.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when encoding fails, which does not happen in memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArchiveError> {
        let Some(samples) = &self.samples else { return Ok(Vec::new()) };
        let stored = Stored {
            names: samples.features().names().into(),
            classes: samples.classes().into(),
            targets: samples.targets().into(),
            columns: samples.features().columns().into(),
        };
        let plain = postcard::to_stdvec(&stored).map_err(damaged)?;
        let plain = postcard::to_extend(self.batches.fingerprints(), plain).map_err(damaged)?;
        let days = DayTable::of(&self.days, self.batches.days());
        let plain = postcard::to_extend(&days, plain).map_err(damaged)?;
        let mut encoder = DeflateEncoder::new(vec![VERSION], Compression::new(3));
        encoder.write_all(&plain).map_err(damaged)?;
        encoder.finish().map_err(damaged)
    }

    /// Reads the bytes of [`StoredSamples::to_bytes`], also those of versions that stored no fingerprints or no days, which
    /// are then [`Day::UNKNOWN`].
    ///
    /// # Errors
    /// [`ArchiveError`] when the bytes are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArchiveError> {
        match bytes.split_first() {
            Some((&VERSION, deflated)) => read_stored(deflated),
            Some((&version, _)) => Err(ArchiveError::Version(version)),
            None => Err(damaged("they are empty")),
        }
    }
}

fn read_stored(deflated: &[u8]) -> Result<StoredSamples, ArchiveError> {
    let mut plain = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut plain).map_err(damaged)?;
    let (stored, rest): (Stored<'_>, _) = postcard::take_from_bytes(&plain).map_err(damaged)?;
    let rows = stored.targets.len();
    let consistent = stored.names.len() == stored.columns.len()
        && stored.columns.iter().all(|column| column.has_valid_codes(rows))
        && stored.targets.iter().all(|&target| (target as usize) < stored.classes.len());
    if !consistent {
        return Err(damaged("their parts contradict each other"));
    }
    let features = Features::new(stored.names.into_owned(), stored.columns.into_owned(), rows);
    let samples = Labelled::new(features, stored.targets.into_owned(), stored.classes.into_owned());
    let (fingerprints, rest) = if rest.is_empty() {
        (Vec::new(), rest)
    } else {
        postcard::take_from_bytes::<Vec<Fingerprint>>(rest).map_err(damaged)?
    };
    if rest.is_empty() {
        let batches = Batches::undated(fingerprints);
        return Ok(StoredSamples { samples: Some(samples), days: vec![Day::UNKNOWN; rows], batches });
    }
    let days: DayTable = postcard::from_bytes(rest).map_err(damaged)?;
    let (days, of_batches) = days.read().unwrap_or_default();
    let batches = Batches::new(fingerprints, of_batches).filter(|_| days.len() == rows);
    let batches =
        batches.ok_or_else(|| damaged("their days are not those of as many samples and batches"))?;
    Ok(StoredSamples { samples: Some(samples), days, batches })
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err by name")]
fn damaged(why: impl ToString) -> ArchiveError {
    ArchiveError::Damaged(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u8) -> Labelled {
        let column: Vec<f32> = (first..first + 40).map(f32::from).collect();
        let features = Features::of_columns(vec!["clicks".to_owned()], &[column]);
        let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
        Labelled::new(features, (0..40).map(|sample| sample % 2).collect(), classes)
    }

    fn two_days() -> StoredSamples {
        let mut stored = StoredSamples::default();
        for (first, day) in [(0, 7), (100, 9)] {
            stored.add(batch(first), Day(day), 1_000, false).expect("the same features");
        }
        stored
    }

    /// The bytes without what follows the first `parts` parts.
    fn of_an_earlier_version(bytes: &[u8], parts: usize) -> Vec<u8> {
        let mut plain = Vec::new();
        DeflateDecoder::new(&bytes[1..]).read_to_end(&mut plain).expect("deflated");
        let (_, rest) = postcard::take_from_bytes::<Stored<'_>>(&plain).expect("samples");
        let (_, days) = postcard::take_from_bytes::<Vec<Fingerprint>>(rest).expect("fingerprints");
        let cut = [rest, days][parts - 1].len();
        let mut encoder = DeflateEncoder::new(vec![VERSION], Compression::new(3));
        encoder.write_all(&plain[..plain.len() - cut]).expect("written");
        encoder.finish().expect("written")
    }

    #[test]
    fn days_are_stored() {
        let stored = two_days();
        let mut read = StoredSamples::from_bytes(&stored.to_bytes().expect("encoded")).expect("decoded");
        assert_eq!(read, stored);
        assert_eq!((read.forget_before(Day(8)), read.first_day()), (40, Some(Day(9))));
        let mut alone = StoredSamples::default();
        alone.add(batch(100), Day(9), 1_000, false).expect("the first batch");
        assert_eq!(read.samples(), alone.samples(), "what is left is what was never mixed");
        assert_eq!((read.forget_before(Day(10)), read.samples(), read.first_day()), (40, None, None));
        assert_eq!(read.add(batch(0), Day(10), 1_000, false), Ok(40), "its fingerprint is forgotten, too");
    }

    #[test]
    fn samples_of_earlier_versions_get_a_day() {
        let bytes = two_days().to_bytes().expect("encoded");
        for parts in [1, 2] {
            let earlier = of_an_earlier_version(&bytes, parts);
            let mut read = StoredSamples::from_bytes(&earlier).expect("decoded").with_unknown_days(Day(20));
            assert_eq!(read.add(batch(200), Day(30), 1_000, false), Ok(40));
            assert_eq!((read.first_day(), read.forget_before(Day(21))), (Some(Day(20)), 80));
        }
    }

    #[test]
    fn earlier_versions_ignore_the_days() {
        let bytes = two_days().to_bytes().expect("encoded");
        let mut plain = Vec::new();
        DeflateDecoder::new(&bytes[1..]).read_to_end(&mut plain).expect("deflated");
        let (_, rest) = postcard::take_from_bytes::<Stored<'_>>(&plain).expect("samples");
        // As these versions read what follows the samples.
        assert_eq!(postcard::from_bytes::<Vec<Fingerprint>>(rest).map(|batches| batches.len()), Ok(2));
    }

    #[test]
    fn days_of_other_samples_are_damage() {
        let mut stored = two_days();
        stored.days.pop();
        let error = StoredSamples::from_bytes(&stored.to_bytes().expect("encoded")).expect_err("refused");
        assert!(matches!(error, ArchiveError::Damaged(_)), "{error}");
    }
}
