//! Examines what is kept: whether models load and samples decode, on top of what the store compares.

use super::BackendError;
use super::current_model::python_server;
use crate::dataset::Labelled;
use crate::model::Model;
use crate::store::{Finding, Generation, ModelDir, Repair};

/// Examines the model at `model_dir`, and with `repair` mends what can be mended.
///
/// # Errors
/// [`BackendError`] when the disk cannot be read or written; damage is a finding.
pub fn check(model_dir: &ModelDir, repair: bool) -> Result<Vec<Finding>, BackendError> {
    let mut findings = model_dir.examine(repair, &usable)?;
    // What a link leads to cannot be examined, and links are reported already.
    if findings.iter().any(Finding::is_link) {
        return Ok(findings);
    }
    let untouched = model_dir.has_python_server_files() && matches!(model_dir.current_read_only(), Ok(None));
    if untouched && let Err(error) = python_server(model_dir) {
        findings.push(Finding {
            path: "classifier".to_owned(),
            problem: error.to_string(),
            repair: Repair::Manual("restore it from a backup"),
        });
    }
    Ok(findings)
}

fn usable(generation: &Generation) -> Result<(), String> {
    let model = generation.model().map_err(|error| error.to_string())?;
    Model::load(&model).map_err(|error| format!("the model cannot be run: {error}"))?;
    let samples = generation.samples().map_err(|error| error.to_string())?;
    match samples.map(|samples| Labelled::from_bytes(&samples)) {
        Some(Err(error)) => Err(format!("the samples cannot be decoded: {error}")),
        Some(Ok(_)) | None => Ok(()),
    }
}
