//! Models that travel: export and import, as a zip or as files in a directory.
//!
//! An export holds `model.onnx`, which is all that is needed, and `model.json`,
//! the same facts for people and tools. Nothing of an archive is unpacked to
//! disk: the one file that matters is read into memory, up to a limit.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use serde_json::json;
use zip::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::train::IMPORTED;
use super::{BackendError, open};
use crate::dataset::Limits;
use crate::model::{Model, ModelFacts};
use crate::store::{ModelHome, NewGeneration};

const MODEL: &str = "model.onnx";
const FACTS: &str = "model.json";

/// The names that an archive may hold.
const KNOWN: [&str; 2] = [MODEL, FACTS];

/// More bytes than any model of ours takes.
const MOST_MODEL_BYTES: u64 = 32 << 20;

/// The trained model as a zip; `None` when there is none.
///
/// # Errors
/// [`BackendError`].
pub fn export(home: &ModelHome) -> Result<Option<Vec<u8>>, BackendError> {
    let Some(files) = exported(home)? else { return Ok(None) };
    let failed =
        |error: &dyn std::fmt::Display| BackendError::Internal(format!("the export failed: {error}"));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in &files {
        zip.start_file(*name, SimpleFileOptions::default()).map_err(|error| failed(&error))?;
        zip.write_all(bytes).map_err(|error| failed(&error))?;
    }
    Ok(Some(zip.finish().map_err(|error| failed(&error))?.into_inner()))
}

/// Writes the model's files into a directory (Moodle's local mode); false when there is none.
///
/// # Errors
/// [`BackendError`].
pub fn export_to(home: &ModelHome, directory: &Path) -> Result<bool, BackendError> {
    let Some(files) = exported(home)? else { return Ok(false) };
    let failed =
        |error: std::io::Error| BackendError::Internal(format!("the export cannot be written: {error}"));
    std::fs::create_dir_all(directory).map_err(failed)?;
    for (name, bytes) in &files {
        // Moodle's own temporary directory, read after this program has ended.
        #[expect(clippy::disallowed_methods, reason = "nobody reads the file before this program has ended")]
        std::fs::write(directory.join(name), bytes).map_err(failed)?;
    }
    Ok(true)
}

/// The name and content of each file of an export.
type Files = [(&'static str, Vec<u8>); 2];

fn exported(home: &ModelHome) -> Result<Option<Files>, BackendError> {
    let Some(generation) = home.current()? else { return Ok(None) };
    let bytes = generation.model()?;
    let facts = ModelFacts::read(&bytes)?;
    let facts =
        serde_json::to_vec_pretty(&facts).map_err(|error| BackendError::Internal(error.to_string()))?;
    Ok(Some([(MODEL, bytes), (FACTS, facts)]))
}

/// Replaces the model at `home` with the one in a zip file.
///
/// # Errors
/// [`BackendError::BadInput`] for anything but an export; the model is then as it was.
pub fn import(home: &ModelHome, archive: &Path, limits: &Limits) -> Result<(), BackendError> {
    let model = read_archive(open(archive)?)?;
    publish(home, &model, limits)
}

/// Replaces the model at `home` with the files in a directory (Moodle's local mode).
///
/// # Errors
/// [`BackendError::BadInput`] for anything but an export; the model is then as it was.
pub fn import_from(home: &ModelHome, directory: &Path, limits: &Limits) -> Result<(), BackendError> {
    let file = File::open(directory.join(MODEL)).map_err(|error| {
        BackendError::BadInput(format!("The directory has no {MODEL} to import: {error}."))
    })?;
    let model = read_bounded(file)?;
    publish(home, &model, limits)
}

fn read_archive(file: File) -> Result<Vec<u8>, BackendError> {
    let unusable =
        |why: &dyn std::fmt::Display| BackendError::BadInput(format!("The import cannot be used: {why}."));
    let mut zip =
        ZipArchive::new(file).map_err(|error| unusable(&format!("it is not a zip file ({error})")))?;
    let names: Vec<String> = zip
        .file_names()
        .map(|name| name.map(std::borrow::Cow::into_owned))
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(&format!("its names cannot be read ({error})")))?;
    if names.iter().any(|name| name.ends_with("classifier.pkl")) {
        return Err(unusable(
            &"it was exported by the Python backend, whose models this version cannot read",
        ));
    }
    if let Some(name) = names.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(unusable(&format!("it holds {shown:?}; an export holds {} only", KNOWN.join(", "))));
    }
    let entry =
        zip.by_name(MODEL).map_err(|error| unusable(&format!("its {MODEL} cannot be read ({error})")))?;
    read_bounded(entry)
}

fn read_bounded(source: impl Read) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::new();
    let read = source.take(MOST_MODEL_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| BackendError::BadInput(format!("The import's {MODEL} cannot be read: {error}.")))?;
    if bytes.len() as u64 > MOST_MODEL_BYTES {
        return Err(BackendError::BadInput(format!(
            "The import's {MODEL} is larger than {} MiB.",
            MOST_MODEL_BYTES >> 20
        )));
    }
    Ok(bytes)
}

fn publish(home: &ModelHome, bytes: &[u8], limits: &Limits) -> Result<(), BackendError> {
    let model = Model::load(bytes)
        .map_err(|error| BackendError::BadInput(format!("The import cannot be used: {error}.")))?;
    let facts = model.facts();
    if facts.features.len() > limits.columns || facts.classes.len() > limits.classes {
        return Err(BackendError::BadInput(format!(
            "The import cannot be used: it has {} features and {} classes, more than the server's settings \
             max-columns ({}) and max-classes ({}) allow.",
            facts.features.len(),
            facts.classes.len(),
            limits.columns,
            limits.classes
        )));
    }
    let facts = json!({ "classes": facts.classes, "class_counts": facts.class_counts, IMPORTED: true });
    let lock = home.lock()?;
    home.publish(&lock, &NewGeneration { model: bytes, samples: None, facts: &facts })?;
    Ok(())
}
