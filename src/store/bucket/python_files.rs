//! The zip in which the Python server stored a model.
//!
//! Owns reading it within bounds. Must not know what its files contain.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::python_server_files::READ;

/// The limit for all files of a model together. Real models are far smaller.
const MAX_BYTES: u64 = 32 << 20;
const MAX_ENTRIES: usize = 1000;

/// The files that a model is read from, by the paths below its directory. The error says what is wrong.
pub(super) fn unzipped(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("it cannot be read as a zip file: {error}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    if archive.len() > MAX_ENTRIES {
        return Err("it has more files than any model of the Python server".to_owned());
    }
    let mut left = MAX_BYTES;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| unreadable(&error))?;
        let name = entry.name().map_err(|error| unreadable(&error))?;
        let Some(name) = READ.into_iter().find(|file| is_at(&name, file)) else { continue };
        let mut content = Vec::new();
        entry.take(left + 1).read_to_end(&mut content).map_err(|error| unreadable(&error))?;
        let rest = left.checked_sub(content.len() as u64);
        left = rest.ok_or("it is larger than any model of the Python server")?;
        files.insert(name.to_owned(), content);
    }
    Ok(files)
}

/// Whether an entry is this file of a model, in the zip's root or below any directory.
fn is_at(entry: &str, name: &str) -> bool {
    entry.strip_suffix(name).is_some_and(|directory| directory.is_empty() || directory.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_the_root_and_below_a_directory_and_not_within_a_name() {
        assert!(is_at("classifier.pkl", "classifier.pkl"));
        assert!(is_at("./classifier/classifier.pkl", "classifier.pkl"));
        assert!(!is_at("old-classifier.pkl", "classifier.pkl"));
    }

    #[test]
    fn something_else_is_an_error_that_says_so() {
        let problem = unzipped(b"no zip").expect_err("no zip");
        assert!(problem.starts_with("it cannot be read as a zip file: "), "{problem}");
    }
}
