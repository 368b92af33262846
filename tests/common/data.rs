//! Datasets: small ones written here, and recorded ones from outside the repository.
//!
//! Must not know what is done with them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::skip::skip;
use super::zips::{Entry, RawZip};

/// The variable with the directory of the recorded datasets, which `benches/README.md` describes.
const DATA: &str = "MLBACKEND_TEST_DATA";

const KEYS: &str = "timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses";

/// A dataset of three features with two classes, as Moodle writes it.
pub fn labelled<R: AsRef<str>>(rows: &[R]) -> Vec<u8> {
    labelled_with_classes("[0,1]", rows)
}

/// A dataset of three features with the given classes.
pub fn labelled_with_classes(classes: &str, rows: &[impl AsRef<str>]) -> Vec<u8> {
    dataset(classes, r#""\ind_max","\ind_min","\ind_name","\target""#, rows)
}

/// A dataset whose last feature determines the class: -1 is class 0, or class 1 if it is inverted.
pub fn separable(samples: usize, inverted: bool) -> Vec<u8> {
    let row = |n: usize| {
        let last = if n.is_multiple_of(2) == inverted { "-0.2" } else { "-1" };
        format!("1,{},{last},{}", n % 7, n % 2)
    };
    labelled(&(0..samples).map(row).collect::<Vec<_>>())
}

/// An unlabelled dataset of three features; each row begins with its sample id.
pub fn unlabelled<R: AsRef<str>>(rows: &[R]) -> Vec<u8> {
    dataset("[0,1]", r#"sampleid,"\ind_max","\ind_min","\ind_name""#, rows)
}

fn dataset(classes: &str, columns: &str, rows: &[impl AsRef<str>]) -> Vec<u8> {
    let mut text =
        format!("{KEYS}\n\"\\quarters\",3,2024100700,\"\\target\",discrete,\"{classes}\"\n{columns}\n");
    for row in rows {
        let _ = writeln!(text, "{}", row.as_ref());
    }
    text.into_bytes()
}

/// A recorded file; where it is missing, reports a skipped test and returns `None`.
pub fn shared(test: &str, path: &str) -> Option<Vec<u8>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let data = std::env::var_os(DATA).filter(|data| !data.is_empty()).unwrap_or_else(|| default.into());
    let bytes = fs::read(PathBuf::from(data).join(path)).ok();
    if bytes.is_none() {
        skip(test, &format!("there is no {path} in the directory of recorded data, {DATA}"));
    }
    bytes
}

/// The files of a model in the Python server's data directory.
const PYTHON_SERVER: [&str; 5] = [
    "classifier.pkl",
    "model.ckpt/saved_model.pb",
    "model.ckpt/keras_metadata.pb",
    "model.ckpt/variables/variables.index",
    "model.ckpt/variables/variables.data-00000-of-00001",
];

/// The recorded files of a model from the Python server's data directory.
pub fn legacy_files(test: &str, model: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let file = |name: &str| Some((name.to_owned(), shared(test, &format!("legacy/{model}/{name}"))?));
    PYTHON_SERVER.into_iter().map(file).collect()
}

/// The same files in a zip, as the Python server exports them.
pub fn legacy_zip(test: &str, model: &str) -> Option<Vec<u8>> {
    let files = legacy_files(test, model)?;
    Some(RawZip::of(files.iter().map(|(name, bytes)| Entry::stored(name, bytes))).bytes())
}

/// The rows of a batch that differs from all others: its second feature is its number.
pub fn batch(number: usize, samples: usize) -> Vec<String> {
    let row = |n: usize| {
        let last = if n.is_multiple_of(2) { "-1" } else { "-0.2" };
        format!("{}.{n:03},{number},{last},{}", n % 5, n % 2)
    };
    (0..samples).map(row).collect()
}
