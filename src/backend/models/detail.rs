//! Everything that is stored about one model id and dirhash, except for its files.
//!
//! Must not know how it is shown.

use super::evaluation::{self, ImportantFeature, StoredEvaluation};
use super::summary::Summary;
use crate::backend::BackendError;
use crate::backend::samples_age::date;
use crate::dataset::{Day, StoredSamples};
use crate::store::{GenerationInfo, ModelKey, Store, StoreError};

/// At most this many evaluations are read, the newest ones.
const MAX_EVALUATIONS: usize = 100;

/// What is stored about a model.
#[derive(Debug)]
pub struct Detail {
    /// As in a list.
    pub summary: Summary,
    /// Its generations, newest first; the current one may be any of them.
    pub generations: Vec<GenerationInfo>,
    /// The evaluations of the model id under any dirhash, newest first.
    pub evaluations: Vec<StoredEvaluation>,
    /// What matters in the newest evaluation with a result.
    pub important_features: Vec<ImportantFeature>,
    /// The day (such as 2026-11-27, if it is known) and the number of samples of each remembered batch, oldest first.
    pub batches: Vec<(Option<String>, usize)>,
}

/// Whether anything is stored under an id and dirhash.
///
/// # Errors
/// [`BackendError`] if the data directory cannot be read.
pub fn is_stored(store: &Store, key: &ModelKey) -> Result<bool, BackendError> {
    Ok(store.model_dirs_of(&key.id)?.iter().any(|(dir, _)| *dir == key.dir))
}

/// Describes a model; `None` if nothing is stored under its id and dirhash.
///
/// # Errors
/// [`BackendError`] if the data directory cannot be read. What is damaged is left out.
pub fn detail(store: &Store, key: &ModelKey) -> Result<Option<Detail>, BackendError> {
    let dirs = store.model_dirs_of(&key.id)?;
    let Some((_, model_dir)) = dirs.into_iter().find(|(dir, _)| *dir == key.dir) else { return Ok(None) };
    let mut summary = Summary::of(&key.id, key.dir.clone(), &model_dir);
    let evaluations = evaluation::newest(store, &key.id, MAX_EVALUATIONS)?;
    summary.evaluation = evaluations.first().cloned();
    let samples = match model_dir.current_read_only() {
        Ok(Some(current)) => current.samples(),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let samples = match samples {
        Err(StoreError::Corrupt { .. } | StoreError::Link { .. }) => None,
        samples => samples?,
    };
    let samples = samples.and_then(|bytes| StoredSamples::from_bytes(&bytes).ok());
    let batches = samples.map(|samples| samples.batch_sizes()).unwrap_or_default();
    let batches = batches
        .into_iter()
        .map(|(day, samples)| {
            let known = Some(day).filter(|day| *day != Day::UNKNOWN);
            (known.and_then(date), samples)
        })
        .collect();
    let measured =
        evaluations.iter().find(|one| one.result.as_ref().is_some_and(|result| result.score.is_some()));
    let important_features = measured
        .map(|one| evaluation::important_features(store, &key.id, one))
        .transpose()?
        .unwrap_or_default();
    let generations = model_dir.generations()?;
    Ok(Some(Detail { summary, generations, evaluations, important_features, batches }))
}
