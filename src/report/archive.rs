//! Packs the files of a report for a download.

use std::io::{self, Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::ReportError;
use crate::fs::failpoints::failpoint;

/// A zip without entries: what Moodle gets for a run that does not exist.
pub const EMPTY_ZIP: [u8; 22] = [b'P', b'K', 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Packs files under their names, which have `/` between folders; `read` gives the bytes of one.
///
/// The same files give the same bytes: entries are in the order of `names` and carry zip's oldest time;
/// folders have no entry of their own, as Moodle's own zips have none.
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

    /// Each file holds its own name.
    fn packed(names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        zip(&names, |name| Ok(name.as_bytes().to_vec())).expect("packed")
    }

    #[test]
    fn the_empty_zip_is_a_zip_without_entries() {
        assert_eq!(EMPTY_ZIP.len(), 22);
        let archive = ZipArchive::new(Cursor::new(EMPTY_ZIP)).expect("a zip");
        assert!(archive.is_empty());
        assert_eq!(packed(&[]), EMPTY_ZIP);
    }

    #[test]
    fn files_are_packed_in_order_without_folders() {
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
    fn a_file_that_is_gone_is_an_error_that_says_so() {
        let error = zip(&["gone".to_owned()], |_| Err(io::ErrorKind::NotFound.into())).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}
