//! One zip about a model for an auditor: its card, the report of its last evaluation, how it was trained, its lines of the audit
//! trail, versions, the bill of materials, and how to reproduce it.
//!
//! Owns which files are in it. The same store gives the same bytes. Nothing of a student is in it: no sample, and not the model
//! itself, whose trees contain values of features. Must not know how a value was measured or stored.

mod bill;
mod guide;
mod history;

use std::io::{Cursor, Write as _};

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zip::DateTime;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::BackendError;
use super::current_model::CurrentModel;
use super::models::{StoredEvaluation, detail};
use super::transfer::{MeasuredQuality, card, describe};
use crate::audit::{Filter, Line, Operation, read};
use crate::model::ModelMetadata;
use crate::report::REPORT_JSON;
use crate::store::{ModelKey, Store};

/// The files of a report that are for people and tools; the others repeat them as pictures.
const REPORT_FILES: [&str; 3] = [REPORT_JSON, "report.html", "info.log"];

/// The name and the content of each file, in the order of the archive.
type Files = Vec<(String, Vec<u8>)>;

/// The bundle of a model as a zip; `None` if there is no model.
///
/// # Errors
/// [`BackendError`] if the model or the audit trail cannot be read.
pub fn audit_bundle(store: &Store, key: &ModelKey) -> Result<Option<Vec<u8>>, BackendError> {
    let model_dir = store.model(&key.id, &key.dir);
    let Some(CurrentModel { onnx, generation }) = CurrentModel::at(&model_dir)? else { return Ok(None) };
    let Some(detail) = detail(store, key)? else { return Ok(None) };
    let metadata = ModelMetadata::read(&onnx)?;
    let format = metadata.format;
    let about = describe(generation.as_ref(), metadata, &onnx);
    let evaluation = detail.evaluations.iter().find(|evaluation| evaluation.result.is_some());
    let report = evaluation.map_or_else(|| Ok(Files::new()), |evaluation| report(store, key, evaluation))?;
    let quality = report.iter().find(|(name, _)| name.ends_with(REPORT_JSON));
    let quality = quality.and_then(|(_, bytes)| MeasuredQuality::of_report(bytes));
    let Trail { lines, damaged } = trail(store, key)?;

    let versions = json!({
        "format": 1,
        "bundle": {"program": "moodle-mlbackend", "version": env!("CARGO_PKG_VERSION")},
        "model": {"made_by": about.made_by, "metadata_format": format, "bytes": about.size, "sha256": about.sha256},
    });
    let mut files = vec![
        ("README.md".to_owned(), guide::text(key, &about, damaged).into_bytes()),
        ("model-card.md".to_owned(), card(&about, quality.as_ref()).into_bytes()),
        ("model.json".to_owned(), to_json(&about)?),
    ];
    files.extend(report);
    files.extend([
        ("evaluations.json".to_owned(), to_json(&history::evaluations(&detail))?),
        ("training-history.json".to_owned(), to_json(&history::training(key, &detail, &lines))?),
        ("audit-trail.jsonl".to_owned(), json_lines(&lines)?),
        ("versions.json".to_owned(), to_json(&versions)?),
        ("bill-of-materials.cdx.json".to_owned(), to_json(&bill::document()?)?),
    ]);
    files.push(("SHA256SUMS".to_owned(), checksums(&files)));
    zip(&files).map(Some)
}

/// The report of an evaluation. Retention may remove it at any time.
fn report(store: &Store, key: &ModelKey, evaluation: &StoredEvaluation) -> Result<Files, BackendError> {
    let Some(run) = store.model(&key.id, &evaluation.dir).run(evaluation.run)? else {
        return Ok(Files::new());
    };
    let read = |name: &str| Some((format!("report/{name}"), run.read(name).ok()?));
    Ok(REPORT_FILES.into_iter().filter_map(read).collect())
}

/// The lines of the audit trail about a model id, under any dirhash.
struct Trail {
    lines: Vec<Line>,
    /// The number of lines that cannot be read.
    damaged: usize,
}

/// Lines about bundles are left out: each bundle adds one, and the next bundle would differ.
fn trail(store: &Store, key: &ModelKey) -> Result<Trail, BackendError> {
    let filter = Filter { model: Some(key.id.as_str().to_owned()), ..Filter::default() };
    let mut trail = Trail { lines: Vec::new(), damaged: 0 };
    let read = read(store, &filter, |line| match line {
        Ok(line) if line.operation == Operation::AuditBundle => {}
        Ok(line) => trail.lines.push(line),
        Err(_) => trail.damaged += 1,
    });
    read.map_err(failed)?;
    Ok(trail)
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, BackendError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn json_lines(lines: &[Line]) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut bytes, line).map_err(failed)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// In the form of `sha256sum`.
fn checksums(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let line =
        |(name, bytes): &(String, Vec<u8>)| format!("{}  {name}\n", hex::encode(Sha256::digest(bytes)));
    files.iter().map(line).collect::<String>().into_bytes()
}

/// Without the time of the day, so that the same files give the same archive.
fn zip(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, BackendError> {
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).map_err(failed)?;
        zip.write_all(bytes).map_err(failed)?;
    }
    Ok(zip.finish().map_err(failed)?.into_inner())
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackendError {
    BackendError::Export(error.into())
}
