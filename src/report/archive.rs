//! Packs the files of a report into a zip for a download.
//!
//! Owns the zip. Must not know what the files contain or where they are stored.

use std::io::{self, Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::ReportError;
use crate::fs::failpoints::failpoint;

/// A zip without entries: the response for a run that does not exist.
pub const EMPTY_ZIP: [u8; 22] = [b'P', b'K', 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Packs files under their names, which have `/` between folders; `read` returns the bytes of one.
///
/// The same files give the same bytes: entries are in the order of `names` and have the earliest time of the zip
/// format. Folders have no entry of their own, as in Moodle's zips.
///
/// # Errors
/// When a file cannot be read.
pub fn zip(names: &[String], read: impl Fn(&str) -> io::Result<Vec<u8>>) -> Result<Vec<u8>, ReportError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        let bytes = failpoint("read a report").and_then(|()| read(name)).map_err(ReportError::file(name))?;
        zip.start_file(name, options)?;
        zip.write_all(&bytes).map_err(ReportError::file(name))?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::ZipArchive;

    /// A zip of files that contain their names.
    fn packed(names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        zip(&names, |name| Ok(name.as_bytes().to_vec())).expect("packed")
    }

    #[test]
    fn packs_files_in_order_without_entries_for_folders() {
        let bytes = packed(&["a.txt", "b/c/deep.txt", "z.txt"]);
        let mut archive = ZipArchive::new(Cursor::new(&bytes)).expect("a zip");
        let names: Vec<_> = (0..archive.len())
            .map(|i| archive.by_index(i).expect("an entry").name().expect("a name").into_owned())
            .collect();
        assert_eq!(names, ["a.txt", "b/c/deep.txt", "z.txt"]);
        let text =
            std::io::read_to_string(archive.by_name("b/c/deep.txt").expect("it is there")).expect("text");
        assert_eq!(text, "b/c/deep.txt");
        assert_eq!(packed(&["a.txt", "b/c/deep.txt", "z.txt"]), bytes, "the same files give the same bytes");
    }

    #[test]
    fn reports_a_missing_file_as_not_found() {
        let error = zip(&["gone".to_owned()], |_| Err(io::ErrorKind::NotFound.into())).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}
