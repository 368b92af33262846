//! The demo's Moodle session: its requests and the expected result of each.
//!
//! Owns the steps. Must not know how their results are printed.

use std::io::{Cursor, Read as _};
use std::path::Path;

use serde::Deserialize;
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::{DemoError, unexpected};
use super::moodle::{ITERATIONS, MAX_DEVIATION, MIN_SCORE, ModelId, Moodle};
use super::output::{Output, StepOutcome, done};
use super::score::{Prediction, score};
use super::shipped_model;
use super::students::{Campus, Cohort};

/// The number of steps, including the start of the server.
pub(super) const STEPS: u64 = 12;

/// A lower AUC means a defect: even a linear model of these students reaches more with 500 samples.
const MIN_AUC: f64 = 0.75;

/// The largest file of a report that the demo unpacks.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Runs the session from the version check to the deletion.
pub(super) fn run(
    output: &mut Output,
    moodle: &Moodle,
    campus: &Campus,
    samples: usize,
    directory: &Path,
) -> Result<(), DemoError> {
    let data = Datasets::make(campus, samples);
    data.write(&directory.join("datasets")).map_err(DemoError::Directory)?;
    let [model, evaluated, copy, external] = models();

    output.step("check the version", || version(moodle))?;
    output.step("train on finished courses", || train(moodle, &model, &data.first))?;
    output.step("train on newer samples", || train(moodle, &model, &data.newer))?;
    let predictions = output.step("predict running courses", || predict(moodle, &model, &data.cohort))?;
    let run = output.step("evaluate the model", || evaluate(moodle, &evaluated, &data.all))?;
    output.step("fetch the evaluation log", || {
        unpack(&moodle.evaluation_log(&evaluated, run)?, &directory.join("report"))
    })?;
    let archive = output.step("export the model", || export(moodle, &model))?;
    output.step("import it as another site", || import(moodle, &copy, &archive))?;
    output.step("predict with the imported model", || {
        predict_the_same(moodle, &copy, &data.cohort, &predictions)
    })?;
    output.step("import a shipped model", || import_shipped(moodle, &external))?;
    output.step("delete the imported model", || delete(moodle, &copy, &model, &data.cohort))
}

/// The datasets of the synthetic students.
struct Datasets {
    first: String,
    newer: String,
    all: String,
    cohort: Cohort,
}

impl Datasets {
    fn make(campus: &Campus, samples: usize) -> Self {
        let newer = samples / 4;
        Self {
            first: campus.training_csv(0, samples - newer),
            newer: campus.training_csv(1, newer),
            all: campus.training_csv(0, samples),
            cohort: campus.cohort(0, (samples / 2).max(1_000)),
        }
    }

    fn write(&self, directory: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        write(directory.join("training-1.csv"), &self.first)?;
        write(directory.join("training-2.csv"), &self.newer)?;
        write(directory.join("evaluation.csv"), &self.all)?;
        write(directory.join("prediction.csv"), &self.cohort.csv)?;
        let outcomes =
            self.cohort.truth.iter().map(|(id, drops_out)| format!("{id},{}\n", u8::from(*drops_out)));
        write(directory.join("prediction-outcomes.csv"), outcomes.collect::<String>())
    }
}

#[allow(clippy::disallowed_methods, reason = "files to look at, in the demo's own directory")]
fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    std::fs::write(path, bytes)
}

/// The model, its evaluation (the same model under another hash), its copy of another site, and an external
/// model.
fn models() -> [ModelId; 4] {
    let model = |site: char, state: char| ModelId {
        uniqueid: site.to_string().repeat(40),
        dirhash: state.to_string().repeat(32),
    };
    [model('a', '1'), model('a', '2'), model('b', '1'), model('c', '1')]
}

#[derive(Deserialize)]
struct Reply {
    status: i64,
    info: Vec<String>,
    errors: Option<String>,
    predictions: Option<Vec<Prediction>>,
    score: Option<f64>,
    score_deviation: Option<f64>,
    auc: Option<f64>,
    runid: Option<u64>,
}

/// A reply with status 0, or an error with the server's messages.
fn succeeded(text: &str) -> Result<Reply, DemoError> {
    let reply = parsed(text)?;
    if reply.status == 0 {
        return Ok(reply);
    }
    let messages: Vec<String> = reply.info.into_iter().chain(reply.errors).collect();
    unexpected(format!("The server replied with status {}: {}", reply.status, messages.join(" ")))
}

fn parsed(text: &str) -> Result<Reply, DemoError> {
    serde_json::from_str(text)
        .or_else(|error| unexpected(format!("Moodle could not parse a response ({error}): {text}")))
}

/// Moodle accepts versions from 3.0.5 up to, but not including, 4.0.0, and nothing else in the body.
fn version(moodle: &Moodle) -> StepOutcome<()> {
    let version = moodle.version()?;
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([3, minor, patch]) if (*minor, *patch) >= (0, 5) => Ok(done((), version, "accepted by Moodle")),
        _ => unexpected(format!("Moodle rejects the version {version:?}.")),
    }
}

fn train(moodle: &Moodle, model: &ModelId, dataset: &str) -> StepOutcome<()> {
    succeeded(&moodle.train(model, dataset)?)?;
    let samples = dataset.lines().count() - 3;
    Ok(done((), "status 0", format!("trained on {samples} samples")))
}

fn predict(moodle: &Moodle, model: &ModelId, cohort: &Cohort) -> StepOutcome<Vec<Prediction>> {
    let predictions = predicted(moodle, model, &cohort.csv)?;
    let score = score(cohort, &predictions)?;
    if score.auc < MIN_AUC {
        return unexpected(format!(
            "The predictions are poor: AUC {:.3}, expected at least {MIN_AUC}.",
            score.auc
        ));
    }
    let meaning = format!(
        "AUC {:.3}, {:.1} % of {} samples correct\n(always predicting \"stays\": {:.1} %)",
        score.auc,
        100.0 * score.accuracy,
        score.samples,
        100.0 * score.baseline
    );
    Ok(done(predictions, "status 0", meaning))
}

fn predicted(moodle: &Moodle, model: &ModelId, dataset: &str) -> Result<Vec<Prediction>, DemoError> {
    match succeeded(&moodle.predict(model, dataset)?)?.predictions {
        Some(predictions) => Ok(predictions),
        None => unexpected("The response to /prediction has no predictions."),
    }
}

/// Returns the run, whose log Moodle fetches next.
fn evaluate(moodle: &Moodle, model: &ModelId, dataset: &str) -> StepOutcome<u64> {
    let reply = succeeded(&moodle.evaluate(model, dataset)?)?;
    let (Some(run), Some(score), Some(deviation), Some(auc)) =
        (reply.runid, reply.score, reply.score_deviation, reply.auc)
    else {
        return unexpected("The response to /evaluation has no run or no figures.");
    };
    let meaning = format!(
        "score {score:.3} ± {deviation:.3}, AUC {auc:.3}\n\
         (required: at least {MIN_SCORE}, ± at most {MAX_DEVIATION}; {ITERATIONS} splits)"
    );
    Ok(done(run, "status 0", meaning))
}

/// Unpacks the files of an evaluation log.
fn unpack(archive: &[u8], report: &Path) -> StepOutcome<()> {
    let invalid =
        |error: ZipError| DemoError::Unexpected(format!("The evaluation log is not a zip file: {error}."));
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(invalid)?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(invalid)?;
        let Some(name) = entry.enclosed_name().filter(|_| !entry.is_dir()) else { continue };
        let mut bytes = Vec::new();
        entry.by_ref().take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(DemoError::Directory)?;
        write_below(report, &name, &bytes).map_err(DemoError::Directory)?;
    }
    let expected = ["info.log", "roc-curve.png", "tensor"];
    if let Some(missing) = expected.into_iter().find(|name| !report.join(name).exists()) {
        return unexpected(format!("The evaluation log has no {missing}."));
    }
    Ok(done((), size(archive), "info.log, roc-curve.png, TensorBoard files"))
}

fn write_below(directory: &Path, name: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let path = directory.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    write(path, bytes)
}

fn export(moodle: &Moodle, model: &ModelId) -> StepOutcome<Vec<u8>> {
    let archive = moodle.export(model)?;
    if ZipArchive::new(Cursor::new(&archive)).map_or(0, |zip| zip.len()) == 0 {
        return unexpected("The export is not a zip file or is empty.");
    }
    let size = size(&archive);
    Ok(done(archive, size, "the whole model, for backup or another site"))
}

fn import(moodle: &Moodle, model: &ModelId, archive: &[u8]) -> StepOutcome<()> {
    ok(&moodle.import(model, archive)?)?;
    Ok(done((), "Ok", "stored for another site"))
}

fn predict_the_same(
    moodle: &Moodle,
    model: &ModelId,
    cohort: &Cohort,
    expected: &[Prediction],
) -> StepOutcome<()> {
    let predictions = predicted(moodle, model, &cohort.csv)?;
    let differing = predictions.iter().zip(expected).filter(|(one, other)| one != other).count();
    if differing > 0 || predictions.len() != expected.len() {
        return unexpected(format!(
            "The imported model gives {} predictions, the exported one {}; {differing} of them differ.",
            predictions.len(),
            expected.len()
        ));
    }
    Ok(done((), "status 0", format!("identical for all {} samples", predictions.len())))
}

/// An external model, imported as ONNX, gives the predictions that were recorded when it was made.
fn import_shipped(moodle: &Moodle, model: &ModelId) -> StepOutcome<()> {
    ok(&moodle.import(model, &shipped_model::archive()?)?)?;
    let checked = shipped_model::check(&predicted(moodle, model, shipped_model::SAMPLES)?)?;
    Ok(done((), "Ok", format!("its {checked} predictions match the recorded ones")))
}

/// The deleted model must be gone, and no other.
fn delete(moodle: &Moodle, deleted: &ModelId, kept: &ModelId, cohort: &Cohort) -> StepOutcome<()> {
    ok(&moodle.delete(&deleted.uniqueid)?)?;
    let after = parsed(&moodle.predict(deleted, &cohort.csv)?)?;
    if after.status != 2 {
        return unexpected(format!(
            "A prediction with a deleted model should reply with status 2, not {}.",
            after.status
        ));
    }
    predicted(moodle, kept, &cohort.csv)?;
    Ok(done((), "Ok", "deleted; the first model still predicts"))
}

fn ok(response: &str) -> Result<(), DemoError> {
    if response == "Ok" {
        return Ok(());
    }
    unexpected(format!("The server should respond with Ok, not {response:?}."))
}

fn size(bytes: &[u8]) -> String {
    format!("{:.0} kB", (bytes.len() as f64 / 1000.0).ceil())
}
