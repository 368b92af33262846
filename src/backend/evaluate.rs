//! Evaluation of the learner on a dataset, or of a trained model. Each evaluation stores a run, whose log can be
//! downloaded.
//!
//! Owns the status and the sentences of the reply. Must not know how the figures are computed or drawn.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::info_span;

use super::current_model::CurrentModel;
use super::learning_threads::on_learning_threads;
use super::observation::{Facts, observe};
use super::reply::{EvaluationFigures, EvaluationReply, Status};
use super::score::probabilities;
use super::train::unless_cancelled;
use super::{BackendError, NOT_TRAINED, Upload, open};
use crate::dataset::{DataQuality, Labelled, Limits, read_labelled};
use crate::jobs::Reporter;
use crate::learning::{self, Drift, Evaluation, Groups, Progress};
use crate::model::Model;
use crate::report::{self, DatasetFacts, PreviousRun, ReportError, RunReport};
use crate::store::{ModelDir, NewRun, Run, RunId};
use crate::telemetry::metrics::{Operation, Outcome as Ending};

/// The number of earlier runs among which one with a result is looked for.
const MAX_RUNS_TO_LOOK_AT: usize = 5;

/// The parameters of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRequest {
    /// The minimum score (weighted F1).
    pub min_score: f64,
    /// The maximum standard deviation of the score.
    pub max_deviation: f64,
    /// The number of random splits.
    pub iterations: usize,
    /// What the reply to a good evaluation says.
    pub info: EvaluationInfo,
    /// The column whose values divide the samples into groups, to compare their errors.
    pub group_by: Option<String>,
}

/// What the `info` of a good evaluation has. The other sentences are Moodle's and are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum EvaluationInfo {
    /// The result in a few sentences.
    #[default]
    Full,
    /// The result without the place of the report, for a terminal.
    Result,
    /// Nothing, as the Python server sends it.
    Bare,
}

impl FromStr for EvaluationInfo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "full" => Ok(Self::Full),
            "bare" => Ok(Self::Bare),
            _ => Err("expected full or bare"),
        }
    }
}

/// Evaluates the learner on random splits of a labelled dataset, or the model at `trained` on all of it. The model at
/// `model_dir` is not changed. `progress` can end the evaluation early.
///
/// # Errors
/// [`BackendError`]; a result that Moodle knows a status for is not an error.
pub fn evaluate(
    model_dir: &ModelDir,
    trained: Option<&ModelDir>,
    dataset: impl Into<Upload>,
    request: &EvaluationRequest,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<EvaluationReply, BackendError> {
    evaluate_reporting(model_dir, trained, dataset, request, limits, progress, &Reporter::default())
}

/// The same, unless the work of the reporter is cancelled: then no run is stored.
pub(crate) fn evaluate_reporting(
    model_dir: &ModelDir,
    trained: Option<&ModelDir>,
    dataset: impl Into<Upload>,
    request: &EvaluationRequest,
    limits: &Limits,
    progress: &dyn Progress,
    reporter: &Reporter,
) -> Result<EvaluationReply, BackendError> {
    let ending = |reply: &EvaluationReply| {
        if reply.figures.is_some() { Ending::Done } else { Ending::NoResult }
    };
    let dataset = dataset.into();
    observe(Operation::Evaluation, ending, |observed| {
        if !reporter.start() {
            return Err(BackendError::Cancelled);
        }
        evaluate_observed(
            model_dir,
            trained,
            dataset,
            request,
            limits,
            Watch { progress, reporter },
            observed,
        )
    })
}

/// The observers of an evaluation.
struct Watch<'a> {
    progress: &'a dyn Progress,
    reporter: &'a Reporter,
}

fn evaluate_observed(
    model_dir: &ModelDir,
    trained: Option<&ModelDir>,
    dataset: Upload,
    request: &EvaluationRequest,
    limits: &Limits,
    Watch { progress, reporter }: Watch<'_>,
    observed: &mut Facts,
) -> Result<EvaluationReply, BackendError> {
    let started = Timestamp::now();
    // Before anything else, so that a deletion during the evaluation also deletes this run.
    let run = model_dir.begin_run()?;
    let file =
        info_span!("parse").in_scope(|| Ok::<_, BackendError>(read_labelled(open(dataset)?, limits)?))?;
    observed.samples = file.features().rows();
    let mut facts = DatasetFacts {
        samples: file.features().rows(),
        features: file.features().columns().len(),
        varying_features: file.features().varying(),
        class_counts: Vec::new(),
        time_splitting: file.header.time_splitting.clone(),
        target: file.header.target.clone(),
    };
    let mut quality = None;
    let outcome = if file.labels_match_header() {
        // The splits then depend on the samples alone, not on the order in which they were sent.
        let samples = file.into_samples()?.canonical(usize::MAX);
        let (rows, features, iterations) = (facts.samples, facts.features, request.iterations);
        tracing::info!(samples = rows, features, iterations, "evaluation started");
        let labels = samples.classes().iter().map(ToString::to_string);
        facts.class_counts = labels.zip(samples.class_counts()).collect();
        let _evaluate = info_span!("evaluate").entered();
        quality = Some(on_learning_threads(|| DataQuality::of(&samples)));
        let groups = request.group_by.as_ref().map(|column| Groups::by_column(samples.features(), column));
        let groups = groups.transpose()?;
        let groups = groups.as_ref();
        if let Some(trained) = trained {
            evaluate_trained(trained, &samples, groups)?
        } else {
            let evaluate = || learning::evaluate_by_groups(&samples, iterations, groups, progress);
            on_learning_threads(evaluate).map_or_else(
                |error| Outcome::none(Status::NOT_ENOUGH_DATA, &format!("{error}.")),
                Outcome::of,
            )
        }
    } else {
        let mismatch = "The labels from the provided dataset do not match the targetclasses from the header";
        Outcome::none(Status::GENERAL_ERROR, mismatch)
    }
    .compared(request);
    unless_cancelled(reporter)?;
    observed.score = outcome.measured.as_ref().map(|evaluation| evaluation.mean.f1);

    let _publish = info_span!("publish").entered();
    let previous = previous_run(model_dir);
    let report = RunReport {
        run: run.id.to_string(),
        started,
        finished: Timestamp::now(),
        dataset: facts,
        quality: quality.as_ref(),
        drift: outcome.drift.as_ref(),
        previous: previous.as_ref(),
        min_score: request.min_score,
        max_deviation: request.max_deviation,
        evaluation: outcome.measured.as_ref(),
        status: outcome.status.0,
        info: &outcome.info,
        rated_trained_model: trained.is_some(),
    };
    report::write(&report, |name, bytes| run.write(name, bytes))?;
    let mut reply = reply(&outcome, request, &run, observed.samples);
    match request.info {
        EvaluationInfo::Full => reply.info.extend(report::moodle_info(&report)),
        EvaluationInfo::Result => reply.info.extend(report::result_sentences(&report)),
        EvaluationInfo::Bare => {}
    }
    unless_cancelled(reporter)?;
    run.publish()?;
    Ok(reply)
}

/// The newest run with a result. The report is complete without it, so one that cannot be read is left out.
fn previous_run(model_dir: &ModelDir) -> Option<PreviousRun> {
    let newest_first = model_dir.runs().ok()?.into_iter().rev().take(MAX_RUNS_TO_LOOK_AT);
    let read = |run| model_dir.run(run).ok()??.read(report::REPORT_JSON).ok();
    newest_first.filter_map(read).find_map(|bytes| PreviousRun::read(&bytes))
}

fn evaluate_trained(
    trained: &ModelDir,
    samples: &Labelled,
    groups: Option<&Groups>,
) -> Result<Outcome, BackendError> {
    let Some(current) = CurrentModel::at(trained)? else {
        return Ok(Outcome::none(Status::NO_MODEL, NOT_TRAINED));
    };
    let model = Model::load(&current.onnx)?;
    let predicted = probabilities(&model, samples)?;
    let mut evaluation = learning::evaluate_predictions(samples, &predicted);
    let targets: Vec<usize> = samples.targets().iter().map(|&target| target as usize).collect();
    evaluation.groups = groups.map(|groups| groups.errors_of(&predicted, &targets));
    let drift = learning::drift(&model.metadata().distributions, samples.features());
    Ok(Outcome { drift, ..Outcome::of(evaluation) })
}

/// The figures of an evaluation, and its status with the sentences for it.
struct Outcome {
    measured: Option<Evaluation>,
    /// The difference of the dataset from what the tested model learnt from.
    drift: Option<Drift>,
    status: Status,
    info: Vec<String>,
}

impl Outcome {
    fn of(evaluation: Evaluation) -> Self {
        Self { measured: Some(evaluation), drift: None, status: Status::OK, info: Vec::new() }
    }

    fn none(status: Status, reason: &str) -> Self {
        Self { measured: None, drift: None, status, info: vec![reason.to_owned()] }
    }

    /// Adds the status bits and sentences of a comparison with the request, in the order that Moodle expects: first the
    /// deviation. A time limit comes before it because it explains a deviation.
    fn compared(mut self, request: &EvaluationRequest) -> Self {
        let Some(evaluation) = &self.measured else { return self };
        let (score, deviation) = (evaluation.mean.f1, evaluation.score_deviation);
        let done = evaluation.iterations.len();
        if done < evaluation.requested_iterations {
            self.info.push(format!(
                "The time for this evaluation was up after {done} of its {} iterations. The result is the mean of \
                 those {done}.",
                evaluation.requested_iterations
            ));
        }
        if deviation > request.max_deviation {
            self.status = self.status.and(Status::NOT_ENOUGH_DATA);
            self.info.push(format!(
                "The evaluation results varied too much, we might need more samples to check if this model is \
                 valid. Model deviation = {deviation:?}, accepted deviation = {:?}",
                request.max_deviation
            ));
        }
        if score < request.min_score {
            self.status = self.status.and(Status::LOW_SCORE);
            self.info.push(format!(
                "The evaluated model prediction accuracy is not very good. Model score = {score:?}, minimum score \
                 = {:?}",
                request.min_score
            ));
        }
        self
    }
}

fn reply(outcome: &Outcome, request: &EvaluationRequest, run: &NewRun, samples: usize) -> EvaluationReply {
    let figures = outcome.measured.as_ref().map(|evaluation| EvaluationFigures {
        auc: evaluation.mean.auc,
        auc_deviation: evaluation.auc_deviation,
        balanced_accuracy: evaluation.mean.balanced_accuracy,
        accuracy: evaluation.mean.accuracy,
        precision: evaluation.mean.precision,
        recall: evaluation.mean.recall,
        f1_score: evaluation.mean.f1,
        score_deviation: evaluation.score_deviation,
        score: evaluation.mean.f1,
        min_score: request.min_score,
        accepted_deviation: request.max_deviation,
        // Identifies the run without the path on the server.
        dir: format!("logs/{}", run.id),
    });
    EvaluationReply { figures, status: outcome.status, info: outcome.info.clone(), runid: run.id, samples }
}

/// The report of an evaluation run as a zip; an empty zip for an unknown run. `None` is an id that is not a number.
///
/// # Errors
/// [`BackendError`].
pub fn evaluation_log(model_dir: &ModelDir, run: Option<RunId>) -> Result<Vec<u8>, BackendError> {
    let run = run.map(|run| model_dir.run(run)).transpose()?.flatten();
    let Some(run) = run else { return Ok(report::EMPTY_ZIP.to_vec()) };
    match zipped(&run) {
        // The run was deleted in between.
        Err(error) if error.is_not_found() => Ok(report::EMPTY_ZIP.to_vec()),
        zipped => Ok(zipped?),
    }
}

fn zipped(run: &Run) -> Result<Vec<u8>, ReportError> {
    report::zip(&run.files().map_err(ReportError::file(""))?, |name| run.read(name))
}
