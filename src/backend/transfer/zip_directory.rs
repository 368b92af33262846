//! Checks the end of a zip file and its central directory before a zip library parses them.
//!
//! A zip library allocates memory for every entry that a directory lists, and searches for directories in unusual
//! places. Therefore anything large, unusual or ambiguous is refused here, from at most a megabyte of the file: a model
//! consists of a few files. Sources: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.12, 4.3.15 and 4.3.16. Must not know
//! what the entries contain.

use std::io::{self, Read, Seek, SeekFrom};

/// Far more than the directory of a model's archive needs.
const MAX_DIRECTORY_BYTES: u32 = 1 << 20;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = u16::MAX as usize;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;

/// Why the end of a file is not that of a small and plain zip file. `Display` is a clause, as that of
/// [`ImportError`](super::ImportError).
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message describes it")]
pub enum ZipDirectoryError {
    #[error("it cannot be read ({0})")]
    Read(#[from] io::Error),
    #[error("it is not a zip file")]
    TooShort,
    #[error("it is not a zip file, or it was cut off")]
    NoEnd,
    #[error("its comment contains the end of another zip file")]
    EndInComment,
    #[error("there are bytes after the archive, or its end is damaged")]
    TrailingBytes,
    #[error("it is a zip64 archive or its directory is invalid; a model needs no zip64")]
    Zip64,
    #[error("it is a part of an archive in several files")]
    SeveralFiles,
    #[error("it is empty")]
    Empty,
    #[error("it holds {entries} entries, more than the {max} that are allowed")]
    TooManyEntries { entries: u16, max: u16 },
    #[error("its directory takes {0} bytes, more than that of any model")]
    TooLarge(u32),
    #[error("there are bytes before the archive or within it that do not belong to it")]
    UnrelatedBytes,
    #[error("its directory is not where its end says: it was cut off or changed")]
    Misplaced,
    #[error("its directory does not hold the entries that it announces")]
    FewerEntries,
    #[error("its directory holds more than the entries that it announces")]
    MoreEntries,
}

/// Checks that a file ends with a small and plain central directory. Returns the offset of the directory, which is
/// the number of bytes that remain for the files.
///
/// # Errors
/// [`ZipDirectoryError`].
pub(super) fn check(source: &mut (impl Read + Seek), max_entries: u16) -> Result<u64, ZipDirectoryError> {
    let size = source.seek(SeekFrom::End(0))?;
    let max_tail = (END_BYTES + MAX_COMMENT_BYTES) as u64;
    source.seek(SeekFrom::Start(size.saturating_sub(max_tail)))?;
    let mut tail = Vec::new();
    source.by_ref().take(max_tail).read_to_end(&mut tail)?;
    let at = end_record(&tail)?;
    let record = &tail[at..];
    let [disk, directory_disk, entries_here, entries] = [4, 6, 8, 10].map(|at| u16_at(record, at));
    let [directory_bytes, directory_at] = [12, 16].map(|at| u32_at(record, at));
    if record[END_BYTES..].windows(4).any(|window| window == END) {
        return Err(ZipDirectoryError::EndInComment);
    }
    // With these values, the actual ones are in a zip64 record.
    if entries == u16::MAX || directory_bytes == u32::MAX || directory_at == u32::MAX {
        return Err(ZipDirectoryError::Zip64);
    }
    if disk != 0 || directory_disk != 0 || entries_here != entries {
        return Err(ZipDirectoryError::SeveralFiles);
    }
    if entries == 0 {
        return Err(ZipDirectoryError::Empty);
    }
    if entries > max_entries {
        return Err(ZipDirectoryError::TooManyEntries { entries, max: max_entries });
    }
    if directory_bytes > MAX_DIRECTORY_BYTES {
        return Err(ZipDirectoryError::TooLarge(directory_bytes));
    }
    let (directory_at, ends_at) = (u64::from(directory_at), size - tail.len() as u64 + at as u64);
    match ends_at.checked_sub(directory_at + u64::from(directory_bytes)) {
        Some(0) => {}
        Some(_) => return Err(ZipDirectoryError::UnrelatedBytes),
        None => return Err(ZipDirectoryError::Misplaced),
    }
    let mut directory = vec![0; directory_bytes as usize];
    source.seek(SeekFrom::Start(directory_at))?;
    source.read_exact(&mut directory)?;
    check_entries(&directory, entries)?;
    Ok(directory_at)
}

/// The offset of the only end record that ends, with its comment, at the end of the file.
fn end_record(tail: &[u8]) -> Result<usize, ZipDirectoryError> {
    let last = tail.len().checked_sub(END_BYTES).ok_or(ZipDirectoryError::TooShort)?;
    let mut signatures = (0..=last).filter(|&at| tail[at..].starts_with(&END)).peekable();
    if signatures.peek().is_none() {
        return Err(ZipDirectoryError::NoEnd);
    }
    let fits = |&at: &usize| at + END_BYTES + usize::from(u16_at(&tail[at..], 20)) == tail.len();
    let mut fitting = signatures.filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(ZipDirectoryError::EndInComment),
        (None, _) => Err(ZipDirectoryError::TrailingBytes),
    }
}

/// Checks that the directory consists of exactly the announced entries.
fn check_entries(directory: &[u8], announced: u16) -> Result<(), ZipDirectoryError> {
    let mut rest = directory;
    for _ in 0..announced {
        if rest.len() < ENTRY_BYTES || !rest.starts_with(&ENTRY) {
            return Err(ZipDirectoryError::FewerEntries);
        }
        let variable: usize = [28, 30, 32].map(|at| usize::from(u16_at(rest, at))).iter().sum();
        rest = rest.get(ENTRY_BYTES + variable..).ok_or(ZipDirectoryError::FewerEntries)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(ZipDirectoryError::MoreEntries) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
