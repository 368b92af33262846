//! Packs the files of a directory for a download.

use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::ReportError;
use crate::faults::step;

/// A zip without entries: what Moodle gets for a run that does not exist.
pub const EMPTY_ZIP: [u8; 22] = [b'P', b'K', 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Packs every file below `dir` under its name relative to it, with `/` between folders.
///
/// The same files give the same bytes: entries are sorted by name and carry zip's oldest time;
/// folders have no entry of their own, as Moodle's own zips have none. Links are not followed.
///
/// # Errors
/// When a directory or file cannot be read.
pub fn zip_directory(dir: &Path) -> Result<Vec<u8>, ReportError> {
    let mut names = Vec::new();
    collect(dir, "", &mut names)?;
    names.sort();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        let bytes = step("read a report")
            .and_then(|()| std::fs::read(dir.join(&name)))
            .map_err(ReportError::file(&name))?;
        zip.start_file(&name, options)?;
        zip.write_all(&bytes).map_err(ReportError::file(&name))?;
    }
    Ok(zip.finish()?.into_inner())
}

fn collect(dir: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), ReportError> {
    for entry in std::fs::read_dir(dir).map_err(ReportError::file(prefix))? {
        let entry = entry.map_err(ReportError::file(prefix))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(ReportError::file(&name))?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)?;
        } else if kind.is_file() {
            names.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "files of a temporary directory")]

    use super::*;
    use zip::ZipArchive;

    #[test]
    fn the_empty_zip_is_a_zip_without_entries() {
        assert_eq!(EMPTY_ZIP.len(), 22);
        let archive = ZipArchive::new(Cursor::new(EMPTY_ZIP)).expect("a zip");
        assert!(archive.is_empty());
    }

    #[test]
    fn an_empty_directory_packs_to_the_empty_zip() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(zip_directory(dir.path()).expect("packed"), EMPTY_ZIP);
    }

    #[test]
    fn files_are_packed_sorted_with_relative_names_and_without_folders() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(dir.path().join("b/c")).expect("made");
        std::fs::create_dir(dir.path().join("empty")).expect("made");
        for name in ["z.txt", "b/c/deep.txt", "a.txt"] {
            std::fs::write(dir.path().join(name), name).expect("made");
        }
        let bytes = zip_directory(dir.path()).expect("packed");
        let mut archive = ZipArchive::new(Cursor::new(&bytes)).expect("a zip");
        let names: Vec<_> = (0..archive.len())
            .map(|i| archive.by_index(i).expect("an entry").name().expect("a name").into_owned())
            .collect();
        assert_eq!(names, ["a.txt", "b/c/deep.txt", "z.txt"]);
        let text =
            std::io::read_to_string(archive.by_name("b/c/deep.txt").expect("it is there")).expect("text");
        assert_eq!(text, "b/c/deep.txt");
        assert_eq!(zip_directory(dir.path()).expect("packed"), bytes, "the same files give the same bytes");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let error = zip_directory(&dir.path().join("nowhere")).unwrap_err();
        assert!(!error.to_string().contains("nowhere"), "the text names no path: {error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let secret = tempfile::NamedTempFile::new().expect("a temporary file");
        std::os::unix::fs::symlink(secret.path(), dir.path().join("link")).expect("made");
        assert_eq!(zip_directory(dir.path()).expect("packed"), EMPTY_ZIP);
    }
}
