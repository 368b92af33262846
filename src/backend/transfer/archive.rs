//! Reads a model's files out of an untrusted zip.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::read::{ArchiveOffset, Config, ZipFile};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::files::{ArchiveEntry, ByteBudget, ImportLimits, Part, place};
use super::{unusable, zip_directory};
use crate::backend::BackendError;
use crate::model::ModelFiles;

/// Reads the files of a model out of a zip. Nothing is written to disk; memory holds what the files truly
/// have, never what the archive says they have.
///
/// # Errors
/// [`BackendError::InvalidImport`] with the reason for anything but a zip of a model's files.
pub fn read_archive(source: impl Read + Seek, limits: &ImportLimits) -> Result<ModelFiles, BackendError> {
    let mut source = BufReader::new(source);
    let room = zip_directory::check(&mut source, limits.entries).map_err(|why| unusable(&why))?;
    let mut zip = open(source).map_err(|error| unusable(&said(&error)))?;
    let parts = parts(&mut zip)?;
    check_room(&mut zip, room)?;
    // Local headers against the directory, overlapping and hidden entries.
    zip.validate_header_consistency().map_err(|error| unusable(&said(&error)))?;

    // All are measured, which takes no memory, before one is kept.
    let mut budget = ByteBudget::new(limits.bytes);
    let sizes: Vec<u64> =
        parts.iter().map(|(at, part)| measure(&mut zip, *at, part, &mut budget)).collect::<Result<_, _>>()?;
    let mut files = ModelFiles::new();
    for ((at, part), size) in parts.into_iter().zip(sizes).filter(|((_, part), _)| part.read) {
        files.insert(part.name.to_owned(), keep(&mut zip, at, &part, size)?);
    }
    Ok(files)
}

/// What lies between files, headers and extra fields included, is searched for hidden files: it must not be
/// much. Where the sizes of the files are lies, they overlap, which is found before the search.
const MAX_BETWEEN: u64 = 64 << 10;

fn check_room<R: Read + Seek>(zip: &mut ZipArchive<R>, room: u64) -> Result<(), BackendError> {
    let mut files = 0_u64;
    for at in 0..zip.len() {
        let entry = zip.by_index_data(at).map_err(|error| unusable(&said(&error)))?;
        files = files.saturating_add(entry.compressed_size());
    }
    match room.saturating_sub(files) {
        0..=MAX_BETWEEN => Ok(()),
        more => Err(unusable(&format!("{more} bytes of it belong to no file"))),
    }
}

fn open<R: Read + Seek>(mut source: R) -> Result<ZipArchive<R>, ZipError> {
    source.seek(SeekFrom::Start(0))?;
    let mut first = [0; 4];
    source.read_exact(&mut first)?;
    if first != *b"PK\x03\x04" {
        return Err(ZipError::InvalidArchive("something stands before its first file".into()));
    }
    ZipArchive::with_config(Config { archive_offset: ArchiveOffset::Known(0) }, source)
}

/// What each entry is, after its name and kind were looked at and before any of it is read.
fn parts<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<Vec<(usize, Part)>, BackendError> {
    if zip.has_duplicate_names() {
        return Err(unusable(&"a name is there twice"));
    }
    let mut parts = Vec::new();
    for at in 0..zip.len() {
        let entry = zip.by_index_data(at).map_err(|error| unusable(&said(&error)))?;
        let found = place(entry.name_raw()).map_err(|why| unusable(&why))?;
        let shown = String::from_utf8_lossy(entry.name_raw());
        if entry.is_symlink() {
            return Err(unusable(&format!("its {shown} is a link")));
        }
        if entry.encrypted() {
            return Err(unusable(&format!("its {shown} is encrypted; send it without a password")));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(unusable(&format!(
                "its {shown} is compressed with {}; send it deflated or stored",
                entry.compression()
            )));
        }
        match found {
            ArchiveEntry::File(part) => parts.push((at, part)),
            ArchiveEntry::Directory if entry.size() == 0 && entry.compressed_size() <= 2 => {}
            ArchiveEntry::Directory => return Err(unusable(&format!("its directory {shown} has content"))),
        }
    }
    Ok(parts)
}

/// How large an entry truly is.
fn measure<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    at: usize,
    part: &Part,
    budget: &mut ByteBudget,
) -> Result<u64, BackendError> {
    let limit = budget.of(part) + 1;
    let entry = entry(zip, at)?;
    let declared = entry.size();
    let size = io::copy(&mut entry.take(limit), &mut io::sink()).map_err(|error| damaged(part, &error))?;
    budget.take(part, size)?;
    if size == declared {
        Ok(size)
    } else {
        Err(unusable(&format!("its {} has {size} bytes and says {declared}", part.name)))
    }
}

/// Reads an entry of a size that was measured.
fn keep<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    at: usize,
    part: &Part,
    size: u64,
) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    entry(zip, at)?.take(size).read_to_end(&mut bytes).map_err(|error| damaged(part, &error))?;
    Ok(bytes)
}

fn damaged(part: &Part, error: &io::Error) -> BackendError {
    unusable(&format!("its {} is damaged ({error})", part.name))
}

fn entry<R: Read + Seek>(zip: &mut ZipArchive<R>, at: usize) -> Result<ZipFile<'_, R>, BackendError> {
    zip.by_index(at).map_err(|error| unusable(&said(&error)))
}

/// What the zip library found, as a part of our sentence.
fn said(error: &ZipError) -> String {
    match error {
        ZipError::InvalidArchive(why) => {
            let why = why.strip_prefix("header inconsistency detected: ").unwrap_or(why);
            format!("it is no sound zip file ({why})")
        }
        ZipError::UnsupportedArchive(why) => format!("it is of a kind of zip that is not read here ({why})"),
        ZipError::Io(error) => format!("it is no sound zip file ({error})"),
        other => format!("it is no sound zip file ({other})"),
    }
}
