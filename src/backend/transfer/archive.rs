//! Reads the files of a model from an untrusted zip.
//!
//! Owns the order of the checks. Must not write to the disk: memory holds the actual content of the files, whatever
//! sizes the archive declares.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::error::ImportError;
use super::files::{ByteBudget, ImportLimits, Part};
use super::layout::{Role, roles};
use super::{other_files, zip_directory};
use crate::model::ModelFiles;

/// Reads the files of a model from a zip.
///
/// # Errors
/// [`ImportError`] for anything but a zip of a model's files.
pub fn read_archive(source: impl Read + Seek, limits: &ImportLimits) -> Result<ModelFiles, ImportError> {
    let mut source = BufReader::new(source);
    other_files::check(&mut source)?;
    let available = zip_directory::check(&mut source, limits.entries)?;
    let mut zip = open(source)?;
    let parts = parts(&mut zip)?;
    check_unused_bytes(&mut zip, available)?;
    // Compares local headers with the directory, and finds overlapping and hidden entries.
    zip.validate_header_consistency()?;

    // All files are measured, which takes no memory, before the first one is kept.
    let mut budget = ByteBudget::new(limits.bytes);
    let sizes: Vec<u64> =
        parts.iter().map(|(at, part)| measure(&mut zip, *at, part, &mut budget)).collect::<Result<_, _>>()?;
    let mut files = ModelFiles::new();
    for ((at, part), size) in parts.into_iter().zip(sizes).filter(|((_, part), _)| part.read) {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        zip.by_index(at)?.take(size).read_to_end(&mut bytes).map_err(|error| part.damaged(error))?;
        files.insert(part.name.to_owned(), bytes);
    }
    Ok(files)
}

/// The maximum number of bytes outside of the files' content, headers and extra fields included: they are searched for
/// hidden files. Files that overlap because their declared sizes are wrong are found before the search.
const MAX_UNUSED_BYTES: u64 = 64 << 10;

fn check_unused_bytes<R: Read + Seek>(zip: &mut ZipArchive<R>, available: u64) -> Result<(), ImportError> {
    let mut files = 0_u64;
    for at in 0..zip.len() {
        files = files.saturating_add(zip.by_index_data(at)?.compressed_size());
    }
    match available.saturating_sub(files) {
        0..=MAX_UNUSED_BYTES => Ok(()),
        unused => Err(ImportError::UnusedBytes(unused)),
    }
}

fn open<R: Read + Seek>(mut source: R) -> Result<ZipArchive<R>, ImportError> {
    let mut first = [0; 4];
    source.seek(SeekFrom::Start(0)).and_then(|_| source.read_exact(&mut first)).map_err(ZipError::Io)?;
    if first != *b"PK\x03\x04" {
        return Err(ImportError::LeadingBytes);
    }
    Ok(ZipArchive::with_config(Config { archive_offset: ArchiveOffset::Known(0) }, source)?)
}

/// The files of an archive, after a check of each entry's name and kind and before any content is read.
fn parts<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<Vec<(usize, Part)>, ImportError> {
    if zip.has_duplicate_names() {
        return Err(ImportError::DuplicateName);
    }
    let names = (0..zip.len()).map(|at| Ok(zip.by_index_data(at)?.name_raw().to_vec()));
    let names: Vec<Vec<u8>> = names.collect::<Result<_, ZipError>>()?;
    let mut parts = Vec::new();
    for (at, role) in roles(&names)?.into_iter().enumerate() {
        let name = match role {
            Role::File(part) => part.name,
            Role::Directory(name) => name,
            Role::Ignored => continue,
        };
        let entry = zip.by_index_data(at)?;
        let method = entry.compression();
        if entry.is_symlink() {
            return Err(ImportError::Link(name));
        }
        if entry.encrypted() {
            return Err(ImportError::Encrypted(name));
        }
        if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(ImportError::Compression { name, method });
        }
        match role {
            Role::File(part) => parts.push((at, part)),
            _ if entry.size() == 0 && entry.compressed_size() <= 2 => {}
            _ => return Err(ImportError::DirectoryContent(name)),
        }
    }
    Ok(parts)
}

/// The actual size of a file.
fn measure<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    at: usize,
    part: &Part,
    budget: &mut ByteBudget,
) -> Result<u64, ImportError> {
    let entry = zip.by_index(at)?;
    let declared = entry.size();
    let bytes = io::copy(&mut entry.take(budget.max_bytes(part) + 1), &mut io::sink())
        .map_err(|error| part.damaged(error))?;
    budget.take(part, bytes)?;
    if bytes == declared {
        Ok(bytes)
    } else {
        Err(ImportError::DeclaredSize { name: part.name, bytes, declared })
    }
}
