//! Samples as compressed bytes, to train on them again together with the next batch.
//!
//! A version byte, then deflate over a binary form of the columns. Columns
//! compress far better than rows: 38,000 samples of 415 columns take less than
//! a megabyte.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::column::Column;
use super::features::Features;
use super::header::Class;
use super::labelled::Labelled;

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

#[derive(Deserialize)]
struct Stored {
    names: Vec<String>,
    classes: Vec<Class>,
    targets: Vec<u32>,
    columns: Vec<Column>,
}

/// The same with borrowed fields, because samples may take much memory.
#[derive(Serialize)]
struct Storing<'a> {
    names: &'a [String],
    classes: &'a [Class],
    targets: &'a [u32],
    columns: &'a [Column],
}

impl Labelled {
    /// The samples as compressed bytes.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when encoding fails, which does not happen in memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArchiveError> {
        let storing = Storing {
            names: self.features().names(),
            classes: self.classes(),
            targets: self.targets(),
            columns: self.features().columns(),
        };
        let plain = postcard::to_stdvec(&storing).map_err(damaged)?;
        let mut encoder = DeflateEncoder::new(vec![VERSION], Compression::new(3));
        encoder.write_all(&plain).map_err(damaged)?;
        encoder.finish().map_err(damaged)
    }

    /// Reads the bytes of [`Labelled::to_bytes`].
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

fn read_stored(deflated: &[u8]) -> Result<Labelled, ArchiveError> {
    let mut plain = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut plain).map_err(damaged)?;
    let stored: Stored = postcard::from_bytes(&plain).map_err(damaged)?;
    let rows = stored.targets.len();
    let sound = stored.names.len() == stored.columns.len()
        && stored.columns.iter().all(|column| column.is_sound(rows))
        && stored.targets.iter().all(|&target| (target as usize) < stored.classes.len());
    if !sound {
        return Err(damaged("their parts contradict each other"));
    }
    let features = Features::new(stored.names, stored.columns, rows);
    Ok(Labelled::new(features, stored.targets, stored.classes))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err by name")]
fn damaged(why: impl ToString) -> ArchiveError {
    ArchiveError::Damaged(why.to_string())
}
