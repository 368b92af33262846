//! The stored evaluations of a model id.
//!
//! Owns what is read from a report. Must not know how a report is written.

use serde::Deserialize;

use super::report_head;
use crate::report::REPORT_JSON;
use crate::store::{DirHash, ModelDir, ModelId, Run, RunId, Store, StoreError};

/// The beginning of a report, which nearly always has its result.
const HEAD_BYTES: usize = 4096;

/// A stored evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvaluation {
    /// Its run, the time of its beginning in milliseconds since 1970.
    pub run: RunId,
    /// The dirhash under which it is stored.
    pub dir: DirHash,
    /// What its report says; `None` if the report cannot be read.
    pub result: Option<EvaluationResult>,
}

/// What the report of an evaluation says.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationResult {
    /// RFC 3339.
    pub finished: String,
    /// Moodle's status bits.
    pub status: u8,
    /// The mean weighted F1 score, if it was measured.
    pub score: Option<f64>,
    /// The number of samples.
    pub samples: Option<u64>,
    /// Whether the trained model was rated, instead of new ones.
    pub rated_trained_model: bool,
}

/// The newest evaluations of a model id, at most `max`, newest first.
pub(super) fn newest(store: &Store, id: &ModelId, max: usize) -> Result<Vec<StoredEvaluation>, StoreError> {
    newest_in(&store.model_dirs_of(id)?, max)
}

/// The newest evaluations in directories, at most `max`, newest first.
pub(super) fn newest_in(
    dirs: &[(DirHash, ModelDir)],
    max: usize,
) -> Result<Vec<StoredEvaluation>, StoreError> {
    let mut runs = Vec::new();
    for (dir, model_dir) in dirs {
        runs.extend(model_dir.runs()?.into_iter().map(|run| (run, dir, model_dir)));
    }
    runs.sort_unstable_by_key(|(run, ..)| std::cmp::Reverse(*run));
    runs.truncate(max);
    let read = |(run, dir, model_dir): (RunId, &DirHash, &ModelDir)| {
        let result = model_dir.run(run)?.as_ref().and_then(result);
        Ok(StoredEvaluation { run, dir: dir.clone(), result })
    };
    runs.into_iter().map(read).collect()
}

/// An indicator that a model relies on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ImportantFeature {
    /// Its name in the dataset.
    pub feature: String,
    /// By how much the log-loss rises when its values are shuffled.
    pub loss_increase: f64,
}

#[derive(Deserialize)]
struct Measured {
    evaluation: Option<Importance>,
}

#[derive(Deserialize)]
struct Importance {
    #[serde(default)]
    importance: Vec<ImportantFeature>,
}

/// The features that matter in an evaluation, the most important one first; none if its report does not say.
pub(super) fn important_features(
    store: &Store,
    id: &ModelId,
    evaluation: &StoredEvaluation,
) -> Result<Vec<ImportantFeature>, StoreError> {
    let Some(run) = store.model(id, &evaluation.dir).run(evaluation.run)? else { return Ok(Vec::new()) };
    let report = run.read(REPORT_JSON).ok().and_then(|bytes| serde_json::from_slice::<Measured>(&bytes).ok());
    let measured = report.and_then(|report| report.evaluation).map(|evaluation| evaluation.importance);
    let mut features = measured.unwrap_or_default();
    features.retain(|one| one.loss_increase > 0.0);
    features.sort_by(|one, other| other.loss_increase.total_cmp(&one.loss_increase));
    Ok(features)
}

/// A run may be deleted at any time, and one of an earlier version may have no report.
fn result(run: &Run) -> Option<EvaluationResult> {
    let head = run.read_head(REPORT_JSON, HEAD_BYTES).ok()?;
    report_head::parse(&head).or_else(|| report_head::parse(&run.read(REPORT_JSON).ok()?))
}
