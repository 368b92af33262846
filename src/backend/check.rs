//! Checks stored models: whether they load and their samples decode, in addition to the checks of the store.
//!
//! Must not know how findings are shown.

use super::BackendError;
use super::current_model::python_server;
use crate::dataset::StoredSamples;
use crate::model::Model;
use crate::store::{Finding, Generation, ModelDir, Repair};

/// Checks the model at `model_dir`; with `repair`, repairs what can be repaired.
///
/// # Errors
/// [`BackendError`] when the disk cannot be read or written; damage is a finding.
pub fn check(model_dir: &ModelDir, repair: bool) -> Result<Vec<Finding>, BackendError> {
    let mut findings = model_dir.examine(repair, &usable)?;
    // Links are not followed, and they are reported already.
    if findings.iter().any(Finding::is_link) {
        return Ok(findings);
    }
    let is_unmigrated =
        model_dir.has_python_server_files() && matches!(model_dir.current_read_only(), Ok(None));
    if is_unmigrated && let Err(error) = python_server(model_dir) {
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
    match generation.samples().map_err(|error| error.to_string())? {
        Some(samples) => StoredSamples::from_bytes(&samples)
            .map(drop)
            .map_err(|error| format!("the samples cannot be decoded: {error}")),
        None => Ok(()),
    }
}
