//! Samples as compressed bytes, stored to train on them again together with the next batch.
//!
//! Owns the format: a version byte, then deflate over a binary form of the columns. Columns compress far better than
//! rows: 38,000 samples of 415 columns take less than a megabyte. The fingerprints of batches follow; versions without them
//! ignore these bytes. Must not know where the bytes are stored.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::batches::Batches;
use super::column::Column;
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
        let plain = postcard::to_extend(&self.batches, plain).map_err(damaged)?;
        let mut encoder = DeflateEncoder::new(vec![VERSION], Compression::new(3));
        encoder.write_all(&plain).map_err(damaged)?;
        encoder.finish().map_err(damaged)
    }

    /// Reads the bytes of [`StoredSamples::to_bytes`], also those of versions that stored no fingerprints.
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
    let batches =
        if rest.is_empty() { Batches::default() } else { postcard::from_bytes(rest).map_err(damaged)? };
    Ok(StoredSamples { samples: Some(samples), batches })
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err by name")]
fn damaged(why: impl ToString) -> ArchiveError {
    ArchiveError::Damaged(why.to_string())
}
