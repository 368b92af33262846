//! The operations that Moodle requests.
//!
//! Owns the combination of all modules below it. `http` and `cli` call it; it must not know either of them.

mod anonymize;
mod audit_bundle;
mod audited;
mod check;
mod current_model;
mod disk_usage;
mod error;
mod evaluate;
mod explain;
mod inspect;
mod learning_threads;
mod loaded_models;
mod migrate;
mod models;
mod observation;
mod predict;
mod reply;
mod samples_age;
mod score;
mod superseded;
mod temporary_model;
mod time_budget;
mod train;
mod transfer;
mod upload;

pub use anonymize::{AnonymizeOptions, Anonymized, Learnability, Learned, anonymize};
pub use audit_bundle::audit_bundle;
pub use audited::Audited;
pub use check::check;
pub use current_model::uses_imported_model;
pub use disk_usage::disk_usage;
pub use error::{BackendError, ErrorKind};
pub(crate) use evaluate::evaluate_reporting;
pub use evaluate::{EvaluationInfo, EvaluationRequest, evaluate, evaluation_log};
pub use explain::{
    BackgroundOrigin, BackgroundSamples, ExplainedOutput, ExplainedSample, Explanation, ExplanationMethod,
    ExplanationRequest, IndicatorContribution, IndicatorName, OutputBase, OutputScale, explain,
};
pub use inspect::{
    DatasetReport, DirectoryReport, Found, InspectError, ModelReport, StoredModel, describe_onnx, inspect,
};
pub use loaded_models::LoadedModels;
pub use migrate::{PythonServerState, convert_python_server, look_at_python_server, remove_python_server};
pub use models::{
    Cursor, Detail, Direction, EvaluationResult, ImportantFeature, KeptSamples, ListQuery, ModelOrigin, Page,
    Place, RolledBack, Sort, SortBy, StoredEvaluation, Summary, count as count_models, detail, is_stored,
    list, roll_back, samples,
};
pub use predict::predict;
pub use reply::{EvaluationFigures, EvaluationReply, Failure, Imported, Prediction, Status, Training};
pub use temporary_model::{Remover, TemporaryModel, export_onnx};
pub use time_budget::{TimeBudget, USUAL_BUDGET};
pub(crate) use train::train_reporting;
pub use train::{RepeatedBatches, TrainingOptions, train};
pub use transfer::{
    ImportError, ImportLimits, NameProblem, ZipDirectoryError, export, export_to, import, import_from,
    import_path, read_archive, read_directory,
};
pub use upload::Upload;

use std::fmt::Display;
use std::io::Seek;

use crate::audit::Trail;
use crate::fs::failpoints::failpoint;
use crate::store::{ModelDir, ModelId, ModelKey, Pruned, RunId, Store};

/// Starts a job that will change a model. The job counts as started now, however long it is queued: a later deletion
/// also deletes what the job stores.
pub fn begin(store: &Store, key: &ModelKey) -> Result<ModelDir, BackendError> {
    Ok(store.model(&key.id, &key.dir).begin_job()?)
}

/// The id of an evaluation that failed, which has no report.
pub fn failed_run(model_dir: &ModelDir) -> Result<RunId, BackendError> {
    Ok(model_dir.next_run_id()?)
}

/// Deletes everything under `id`, and nothing else; succeeds if there is nothing.
pub fn delete(store: &Store, id: &ModelId) -> Result<(), BackendError> {
    Ok(store.delete(id)?)
}

/// Removes what exceeds the retention settings, and the lines of the audit trail that are older than `audit_days`. Failures
/// are only logged.
pub fn apply_retention(store: &Store, trail: &Trail, audit_days: u32) {
    let failed = |error: &dyn Display| tracing::warn!(%error, "the retention settings could not be applied");
    let mut removed = 0;
    match store.prune(false) {
        Ok(pruned) => {
            for Pruned { model, outcome } in pruned {
                match outcome {
                    Ok(entries) => removed += entries.len(),
                    Err(error) => {
                        tracing::warn!(model, %error, "the retention settings could not be applied");
                    }
                }
            }
        }
        Err(error) => failed(&error),
    }
    match trail.remove_outdated(audit_days, false) {
        Ok(days) => removed += days.len(),
        Err(error) => failed(&error),
    }
    tracing::info!(removed, "retention settings applied");
}

/// The reply when a request needs a trained model and there is none.
const NOT_TRAINED: &str = "Provided model have not been trained yet";

/// Seeks to the start of an upload, which was written through the same handle.
fn open(upload: impl Into<Upload>) -> Result<Upload, BackendError> {
    let mut upload = upload.into();
    failpoint("open an upload").and_then(|()| upload.rewind()).map_err(BackendError::UnopenableUpload)?;
    Ok(upload)
}
