//! The end of a zip file and its central directory, looked at before anything makes sense of them.
//!
//! A zip library holds an entry for every one that a directory lists, and looks for directories in odd
//! places. So what is large, odd or ambiguous is refused here, from at most a megabyte of the file: a model
//! consists of a few files. Sources: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.12, 4.3.15 and 4.3.16.

use std::io::{self, Read, Seek, SeekFrom};

/// More bytes than the directory of a model's archive takes.
const MAX_DIRECTORY_BYTES: u32 = 1 << 20;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = u16::MAX as usize;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;

/// Checks that a file ends with a small and plain central directory; gives the place where it begins, which
/// is how many bytes are left for the files.
///
/// # Errors
/// Says what is wrong with the file.
pub(super) fn check(source: &mut (impl Read + Seek), most_entries: u16) -> Result<u64, String> {
    let failed = |error: io::Error| format!("it cannot be read ({error})");
    let size = source.seek(SeekFrom::End(0)).map_err(failed)?;
    let tail = last_bytes(source, size).map_err(failed)?;
    let at = end_record(&tail)?;
    let record = &tail[at..];
    let end = Tail::read(record);
    if record[END_BYTES..].windows(4).any(|window| window == END) {
        return Err("its comment holds another end of a zip file".to_owned());
    }
    if end.is_zip64() {
        return Err("it is a zip64 archive or lies about its directory; a model needs none".to_owned());
    }
    if end.disk != 0 || end.directory_disk != 0 || end.entries_here != end.entries {
        return Err("it is a part of an archive in several files".to_owned());
    }
    if end.entries == 0 {
        return Err("it is empty".to_owned());
    }
    if end.entries > most_entries {
        return Err(format!(
            "it holds {} entries, more than the {most_entries} that are allowed",
            end.entries
        ));
    }
    if end.directory_bytes > MAX_DIRECTORY_BYTES {
        return Err(format!(
            "its directory takes {} bytes, more than that of any model",
            end.directory_bytes
        ));
    }
    let ends_at = size - tail.len() as u64 + at as u64;
    match ends_at.checked_sub(u64::from(end.directory_at) + u64::from(end.directory_bytes)) {
        Some(0) => {}
        Some(_) => return Err("something stands before the archive or inside of it".to_owned()),
        None => return Err("its directory is not where it says: it was cut off or changed".to_owned()),
    }
    let mut directory = vec![0; end.directory_bytes as usize];
    source.seek(SeekFrom::Start(u64::from(end.directory_at))).map_err(failed)?;
    source.read_exact(&mut directory).map_err(failed)?;
    check_entries(&directory, end.entries)?;
    Ok(u64::from(end.directory_at))
}

fn last_bytes(source: &mut (impl Read + Seek), size: u64) -> io::Result<Vec<u8>> {
    let most = (END_BYTES + MAX_COMMENT_BYTES) as u64;
    source.seek(SeekFrom::Start(size.saturating_sub(most)))?;
    let mut tail = Vec::new();
    source.take(most).read_to_end(&mut tail)?;
    Ok(tail)
}

/// Where the end record begins that ends, with its comment, where the file does.
fn end_record(tail: &[u8]) -> Result<usize, String> {
    let last = tail.len().checked_sub(END_BYTES).ok_or_else(|| "it is not a zip file".to_owned())?;
    let mut seen = (0..=last).filter(|&at| tail[at..].starts_with(&END)).peekable();
    if seen.peek().is_none() {
        return Err("it is not a zip file, or it was cut off".to_owned());
    }
    let fits = |&at: &usize| at + END_BYTES + usize::from(u16_at(&tail[at..], 20)) == tail.len();
    let mut fitting = seen.filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err("its comment holds another end of a zip file".to_owned()),
        (None, _) => Err("something is appended to the archive, or its end is damaged".to_owned()),
    }
}

/// The fields of the end record.
struct Tail {
    disk: u16,
    directory_disk: u16,
    entries_here: u16,
    entries: u16,
    directory_bytes: u32,
    directory_at: u32,
}

impl Tail {
    fn read(record: &[u8]) -> Self {
        Self {
            disk: u16_at(record, 4),
            directory_disk: u16_at(record, 6),
            entries_here: u16_at(record, 8),
            entries: u16_at(record, 10),
            directory_bytes: u32_at(record, 12),
            directory_at: u32_at(record, 16),
        }
    }

    /// These values mean that the true ones stand elsewhere.
    fn is_zip64(&self) -> bool {
        self.entries == u16::MAX || self.directory_bytes == u32::MAX || self.directory_at == u32::MAX
    }
}

/// Walks the directory: as many entries as announced, and nothing behind them.
fn check_entries(directory: &[u8], announced: u16) -> Result<(), String> {
    let mut rest = directory;
    for _ in 0..announced {
        let whole = rest.len() >= ENTRY_BYTES && rest.starts_with(&ENTRY);
        let length = || {
            let variable = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
            ENTRY_BYTES + variable.iter().sum::<usize>()
        };
        rest = (whole.then(length))
            .and_then(|length| rest.get(length..))
            .ok_or_else(|| "its directory does not hold the entries that it announces".to_owned())?;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err("its directory holds more than the entries that it announces".to_owned())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
