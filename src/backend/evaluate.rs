//! Evaluation: how well can this be learnt, or how good is the trained model?
//! Every answer leaves a run whose log can be fetched.

use std::fs::File;

use jiff::Timestamp;

use super::current_model::CurrentModel;
use super::learning_threads::on_learning_threads;
use super::reply::{EvaluationFigures, EvaluationReply, Status};
use super::score::rate;
use super::{BackendError, NOT_TRAINED, open};
use crate::dataset::{Limits, read_labelled};
use crate::learning::{self, Evaluation, Progress};
use crate::model::Model;
use crate::report::{self, DatasetFacts, ReportError, RunReport};
use crate::store::{ModelDir, NewRun, Run, RunId};

/// What Moodle asks of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRequest {
    /// The score (weighted F1) below which the model is called not good.
    pub min_score: f64,
    /// The deviation of the score above which the result is called unsteady.
    pub max_deviation: f64,
    /// How many splits to average over.
    pub iterations: usize,
}

/// Evaluates on a labelled dataset: trains and rates on repeated splits of it, or rates the model at
/// `trained` when there is one. The model at `model_dir` is never touched. `progress` can end it early.
///
/// # Errors
/// [`BackendError`]; what can be told to Moodle in an answer is a status there and no error.
pub fn evaluate(
    model_dir: &ModelDir,
    trained: Option<&ModelDir>,
    dataset: File,
    request: &EvaluationRequest,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<EvaluationReply, BackendError> {
    let started = Timestamp::now();
    // First of all, so that a deletion in between also counts for this run.
    let run = model_dir.begin_run()?;
    let file = read_labelled(open(dataset)?, limits)?;
    let mut facts = DatasetFacts {
        samples: file.rows(),
        features: file.features().columns().len(),
        varying_features: file.features().varying(),
        class_counts: Vec::new(),
        time_splitting: file.header.time_splitting.clone(),
        target: file.header.target.clone(),
    };
    let verdict = if file.labels_match_header() {
        // The splits then depend on the samples alone, not on the order in which they were sent.
        let samples = file.into_samples()?.canonical(usize::MAX);
        let (rows, features, asked) = (facts.samples, facts.features, request.iterations);
        tracing::info!(samples = rows, features, iterations = asked, "evaluation begins");
        let labels = samples.classes().iter().map(ToString::to_string);
        facts.class_counts = labels.zip(samples.class_counts()).collect();
        match trained {
            Some(trained) => rate_trained(trained, &samples)?,
            None => on_learning_threads(|| learning::evaluate(&samples, request.iterations, progress))
                .map_or_else(
                    |error| Verdict::none(Status::NOT_ENOUGH_DATA, &format!("{error}.")),
                    Verdict::of,
                ),
        }
    } else {
        let told = "The labels from the provided dataset do not match the targetclasses from the header";
        Verdict::none(Status::GENERAL_ERROR, told)
    }
    .judged(request);

    let reply = reply(&verdict, request, &run);
    report::write(
        &RunReport {
            run: run.id().to_string(),
            started,
            finished: Timestamp::now(),
            dataset: facts,
            min_score: request.min_score,
            max_deviation: request.max_deviation,
            evaluation: verdict.measured.as_ref(),
            status: verdict.status.0,
            info: &verdict.info,
            rated_trained_model: trained.is_some(),
            log: &[],
        },
        |name, bytes| run.write(name, bytes),
    )?;
    run.publish()?;
    Ok(reply)
}

fn rate_trained(trained: &ModelDir, samples: &crate::dataset::Labelled) -> Result<Verdict, BackendError> {
    let Some(answering) = CurrentModel::at(trained)? else {
        return Ok(Verdict::none(Status::NO_MODEL, NOT_TRAINED));
    };
    let model = Model::load(&answering.onnx)?;
    Ok(Verdict::of(rate(&model, samples)?))
}

/// What was measured, and what is said about it.
struct Verdict {
    measured: Option<Evaluation>,
    status: Status,
    info: Vec<String>,
}

impl Verdict {
    fn of(evaluation: Evaluation) -> Self {
        Self { measured: Some(evaluation), status: Status::OK, info: Vec::new() }
    }

    fn none(status: Status, why: &str) -> Self {
        Self { measured: None, status, info: vec![why.to_owned()] }
    }

    /// Adds the status bits and sentences of the contract, the deviation's first, and before them, for it
    /// explains a deviation, that the time was up.
    fn judged(mut self, request: &EvaluationRequest) -> Self {
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

fn reply(verdict: &Verdict, request: &EvaluationRequest, run: &NewRun) -> EvaluationReply {
    let figures = verdict.measured.as_ref().map(|evaluation| EvaluationFigures {
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
        // Enough to recognise the run; the path on the server stays private.
        dir: format!("logs/{}", run.id()),
    });
    EvaluationReply { figures, status: verdict.status, info: verdict.info.clone(), runid: run.id() }
}

/// The zip of one evaluation run; an empty zip of 22 bytes for an unknown run (`None`: the client
/// sent no number).
///
/// # Errors
/// [`BackendError`].
pub fn evaluation_log(model_dir: &ModelDir, run: Option<RunId>) -> Result<Vec<u8>, BackendError> {
    let run = run.map(|run| model_dir.run(run)).transpose()?.flatten();
    let Some(run) = run else { return Ok(report::EMPTY_ZIP.to_vec()) };
    match zipped(&run) {
        // Deleted in between.
        Err(error) if error.is_not_found() => Ok(report::EMPTY_ZIP.to_vec()),
        zipped => Ok(zipped?),
    }
}

fn zipped(run: &Run) -> Result<Vec<u8>, ReportError> {
    report::zip(&run.files().map_err(ReportError::file(""))?, |name| run.read(name))
}
