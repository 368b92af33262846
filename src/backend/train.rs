//! Training: merges new samples with the stored ones, trains a model on all of them and publishes it.
//!
//! Must not know how a model is learnt or stored.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::info_span;

use super::current_model::{CurrentModel, IMPORTED};
use super::learning_threads::on_learning_threads;
use super::observation::{Facts, observe};
use super::reply::{Status, Training};
use super::score::probabilities;
use super::superseded::until_published;
use super::time_budget::{TrainingClock, USUAL_TRAINING_TIME};
use super::{BackendError, Upload, open, samples_age};
use crate::dataset::{Class, Day, Header, Labelled, Limits, StoredSamples, read_labelled};
use crate::jobs::{Phase, Reporter};
use crate::learning::{self, TrainedModel};
use crate::model::{self, Model};
use crate::store::{ModelDir, NewGeneration, SAMPLES_SINCE};
use crate::telemetry::metrics::{Operation, Outcome, metrics};

/// Whether samples are counted again when a batch of earlier samples is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedBatches {
    /// They count once.
    CountOnce,
    /// They count each time.
    Count,
}

/// How a training is done.
#[derive(Debug, Clone, Copy)]
pub struct TrainingOptions {
    /// What happens to repeated batches.
    pub repeated: RepeatedBatches,
    /// After half of this time no further candidate is tried; at its end the model is finished with what has been learned.
    pub time: Duration,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self { repeated: RepeatedBatches::CountOnce, time: USUAL_TRAINING_TIME }
    }
}

/// Trains the model at `model_dir` on a labelled dataset together with the stored samples of earlier batches.
///
/// A dataset with a class that has no sample gets status 8 and changes nothing. Nor does a batch that was trained on before,
/// unless the options count it again. Stored samples of a class that the dataset's header does not name are set aside.
///
/// # Errors
/// [`BackendError`]; the model is then unchanged.
pub fn train(
    model_dir: &ModelDir,
    dataset: impl Into<Upload>,
    limits: &Limits,
    options: TrainingOptions,
) -> Result<Training, BackendError> {
    train_reporting(model_dir, dataset, limits, options, &Reporter::default())
}

/// The same, with reports of its progress.
pub(crate) fn train_reporting(
    model_dir: &ModelDir,
    dataset: impl Into<Upload>,
    limits: &Limits,
    options: TrainingOptions,
    reporter: &Reporter,
) -> Result<Training, BackendError> {
    let outcome = |training: &Training| {
        if training.status == Status::OK { Outcome::Done } else { Outcome::NoResult }
    };
    let dataset = dataset.into();
    observe(Operation::Training, outcome, |facts| {
        train_observed(model_dir, dataset, limits, options, facts, reporter)
    })
}

fn train_observed(
    model_dir: &ModelDir,
    dataset: Upload,
    limits: &Limits,
    TrainingOptions { repeated, time }: TrainingOptions,
    observed: &mut Facts,
    reporter: &Reporter,
) -> Result<Training, BackendError> {
    if !reporter.start() {
        return Err(BackendError::Cancelled);
    }
    let (header, batch) = info_span!("parse").in_scope(|| {
        let file = read_labelled(open(dataset)?, limits)?;
        let header = file.header.clone();
        Ok::<_, BackendError>((header, file.into_samples()?))
    })?;
    observed.samples = batch.targets().len();
    if batch.class_counts().contains(&0) {
        return Ok(Training {
            status: Status::NOT_ENOUGH_DATA,
            info: Vec::new(),
            errors: Some("Training data needs to include samples belonging to all classes".to_owned()),
            samples: observed.samples,
            generation: None,
        });
    }
    let merge = Merge { header: &header, limits, repeated, time, reporter };
    until_published(|| merge.train(model_dir, batch.clone(), observed))
}

/// What a training needs besides the model and the batch.
struct Merge<'a> {
    header: &'a Header,
    limits: &'a Limits,
    repeated: RepeatedBatches,
    time: Duration,
    reporter: &'a Reporter,
}

impl Merge<'_> {
    /// Merges the batch with the stored samples, trains on all of them and publishes the model.
    fn train(
        &self,
        model_dir: &ModelDir,
        batch: Labelled,
        observed: &mut Facts,
    ) -> Result<Training, BackendError> {
        let Self { header, limits, repeated, time, reporter } = *self;
        let trained = |samples, generation| Training {
            status: Status::OK,
            info: Vec::new(),
            errors: None,
            samples,
            generation,
        };

        let batch_rows = batch.targets().len();
        let lock = model_dir.lock()?;
        let merge = info_span!("merge").entered();
        let (current, stored) = CurrentModel::with_samples(model_dir)?.unzip();
        let today = samples_age::today();
        let (mut stored, forgotten) = kept_samples(model_dir, current.as_ref(), stored.flatten(), today)?;
        let stored_rows = stored.samples().map_or(0, |samples| samples.targets().len());
        let added = stored.add(batch, today, limits.kept_rows, repeated == RepeatedBatches::Count)?;
        let repeated_rows = batch_rows - added;
        observed.new_samples = Some(added);
        if repeated_rows > 0 {
            metrics().batch_repeated(repeated_rows);
            tracing::info!(
                samples = repeated_rows,
                new = added,
                "samples of earlier batches do not count again"
            );
        }
        let Some(samples) = stored.samples().filter(|_| added > 0 || forgotten > 0) else {
            return Ok(trained(batch_rows, None));
        };
        if samples.targets().len() < stored_rows + added {
            tracing::warn!(
                samples = stored_rows + added,
                kept = samples.targets().len(),
                "more samples than MOODLE_MLBACKEND_MAX_KEPT_ROWS: an even subsample is kept"
            );
        }
        let (samples, set_aside) = samples.of_classes(&header.classes);
        let classes = samples.classes().len();
        if classes > limits.classes {
            return Err(BackendError::TooManyClasses { classes, max: limits.classes });
        }
        drop(merge);
        let (rows, features) = (samples.targets().len(), samples.features().names().len());
        tracing::info!(new = added, samples = rows, features, "training started");
        observed.samples = rows;
        let clock = TrainingClock::start(time, reporter.clone());
        let mut model = on_learning_threads(|| learning::train_within(&samples, &clock))?;
        // Ends the span of its last phase.
        drop(clock);
        unless_cancelled(reporter)?;
        observed.log_loss = model.log_loss;
        if !set_aside.is_empty() {
            let rows: usize = set_aside.iter().map(|(_, samples)| samples).sum();
            tracing::warn!(
                samples = rows,
                classes = set_aside.len(),
                "samples of former classes are set aside"
            );
            model.decisions.push(set_aside_sentence(rows, &set_aside));
        }
        let imported = match current {
            Some(current) => better_import(current, &samples, &model)?,
            None => None,
        };

        reporter.enters(Phase::Saving);
        let _publish = info_span!("publish").entered();
        let former: Vec<Value> = set_aside
            .iter()
            .take(limits.classes)
            .map(|(class, samples)| json!({"class": class, "samples": samples}))
            .collect();
        let facts = json!({
            "samples": rows,
            "repeated_samples": repeated_rows,
            "set_aside": former,
            "classes": samples.classes(),
            "class_counts": samples.class_counts(),
            "log_loss": model.log_loss,
            "target": header.target,
            "time_splitting": header.time_splitting,
            IMPORTED: imported.is_some(),
            SAMPLES_SINCE: stored.first_day().and_then(samples_age::date),
        });
        let model = match imported {
            Some(imported) => imported,
            None => checked_onnx(&model)?,
        };
        let samples = stored.to_bytes()?;
        unless_cancelled(reporter)?;
        let new = NewGeneration { model: &model, samples: Some(&samples), facts: &facts };
        let generation = model_dir.publish(&lock, &new)?;
        Ok(trained(rows, Some(generation.number())))
    }
}

/// The model as ONNX. One that cannot be read must not replace one that can.
fn checked_onnx(model: &TrainedModel) -> Result<Vec<u8>, BackendError> {
    let onnx = model::to_onnx(model);
    Model::load(&onnx)?;
    Ok(onnx)
}

/// Fails if the work was cancelled. What it has done so far is not published.
pub(super) fn unless_cancelled(reporter: &Reporter) -> Result<(), BackendError> {
    if reporter.is_cancelled() { Err(BackendError::Cancelled) } else { Ok(()) }
}

/// The stored samples without outdated ones, and the number of these.
fn kept_samples(
    model_dir: &ModelDir,
    current: Option<&CurrentModel>,
    bytes: Option<Vec<u8>>,
    today: Day,
) -> Result<(StoredSamples, usize), BackendError> {
    let stored = bytes.map(|bytes| StoredSamples::from_bytes(&bytes)).transpose()?.unwrap_or_default();
    // Samples of earlier versions are as old as their generation.
    let published = current.and_then(|current| current.generation.as_ref()).and_then(samples_age::published);
    let mut stored = stored.with_unknown_days(published.unwrap_or(today));
    let forgotten = samples_age::forget(&mut stored, model_dir.retention().sample_days, today);
    Ok((stored, forgotten))
}

/// Names a few of the classes: the metadata of a model has room for a limited number of sentences.
fn set_aside_sentence(samples: usize, classes: &[(Class, usize)]) -> String {
    const NAMED: usize = 10;
    let named: Vec<String> = classes.iter().take(NAMED).map(|(class, _)| class.to_string()).collect();
    let more = match classes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{samples} samples of classes that the target no longer has are set aside: {}{more}.",
        named.join(", ")
    )
}

/// The bytes of an imported model that stays in use because the newly trained one is not clearly better. The samples that
/// an imported model was trained on are not known, so the samples of this site are collected until they suffice for a
/// better model.
///
/// The log-loss of the imported model on all samples so far is compared with the out-of-fold log-loss of the new one, with
/// two corrections in favour of the imported model. Its log-loss is taken after temperature scaling, because networks of
/// the Python server are overconfident and a single confident error would outweigh hundreds of good predictions. And the
/// new model must be better by one standard error, so that chance does not decide.
fn better_import(
    current: CurrentModel,
    samples: &Labelled,
    trained: &TrainedModel,
) -> Result<Option<Vec<u8>>, BackendError> {
    if !current.is_imported() {
        return Ok(None);
    }
    let predicted = probabilities(&Model::load(&current.onnx)?, samples)?;
    let (loss, standard_error) = learning::temperature_scaled_log_loss(samples, &predicted);
    let is_better = trained.log_loss.is_some_and(|trained| trained < loss - standard_error);
    Ok((!is_better).then_some(current.onnx))
}
