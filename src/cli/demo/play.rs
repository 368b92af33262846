//! The demo's story, step by step, and what must be true at each.

use std::io::{Cursor, Read as _};
use std::path::Path;

use serde::Deserialize;
use zip::ZipArchive;

use super::DemoError;
use super::moodle::{ITERATIONS, MAX_DEVIATION, MIN_SCORE, Model, Moodle};
use super::score::{Predicted, judge};
use super::shipped;
use super::show::{Finding, Show};
use super::students::{Campus, Cohort};

/// How many steps there are, with the server's start.
pub(super) const STEPS: u64 = 12;

/// Below this something is broken: a plain model of these students reaches more with 500 samples.
const LOWEST_AUC: f64 = 0.75;

/// Largest file of an unpacked report that the demo is ready to write.
const LARGEST_FILE: u64 = 64 << 20;

/// Plays Moodle from the version check to the deletion.
pub(super) fn play(
    show: &mut Show,
    moodle: &Moodle,
    campus: &Campus,
    samples: usize,
    directory: &Path,
) -> Result<(), DemoError> {
    let data = Datasets::make(campus, samples);
    data.write(&directory.join("datasets")).map_err(DemoError::Directory)?;
    let [model, evaluated, copy, foreign] = models();

    show.step("ask the version", || version(moodle))?;
    show.step("train on finished courses", || train(moodle, &model, &data.first))?;
    show.step("train on newer samples", || train(moodle, &model, &data.newer))?;
    let predictions = show.step("predict running courses", || predict(moodle, &model, &data.cohort))?;
    let run = show.step("evaluate the model", || evaluate(moodle, &evaluated, &data.all))?;
    show.step("fetch its log", || {
        unpack(&moodle.evaluation_log(&evaluated, run)?, &directory.join("report"))
    })?;
    let archive = show.step("export the model", || export(moodle, &model))?;
    show.step("import it on another site", || import(moodle, &copy, &archive))?;
    show.step("predict with the import", || same(moodle, &copy, &data.cohort, &predictions))?;
    show.step("bring a shipped model", || bring(moodle, &foreign))?;
    show.step("delete the import", || delete(moodle, &copy, &model, &data.cohort))
}

/// The made-up students, as files.
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
        let outcomes = self.cohort.truth.iter().map(|(id, out)| format!("{id},{}\n", u8::from(*out)));
        write(directory.join("prediction-outcomes.csv"), outcomes.collect::<String>())
    }
}

#[allow(clippy::disallowed_methods, reason = "for people to look at, in a directory of this demo's own")]
fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    std::fs::write(path, bytes)
}

/// The model, its evaluation (the same model under another hash), the copy on another site, and a
/// model that came from elsewhere.
fn models() -> [Model; 4] {
    let model = |site: char, state: char| Model {
        uniqueid: site.to_string().repeat(40),
        dirhash: state.to_string().repeat(32),
    };
    [model('a', '1'), model('a', '2'), model('b', '1'), model('c', '1')]
}

#[derive(Deserialize)]
struct Answer {
    status: i64,
    info: Vec<String>,
    errors: Option<String>,
    predictions: Option<Vec<Predicted>>,
    score: Option<f64>,
    score_deviation: Option<f64>,
    auc: Option<f64>,
    runid: Option<u64>,
}

fn read(text: &str) -> Result<Answer, DemoError> {
    serde_json::from_str(text).map_err(|error| {
        DemoError::Surprise(format!("An answer is not as Moodle reads it ({error}): {text}"))
    })
}

/// Status 0, or what the server said instead.
fn succeeded(answer: Answer) -> Result<Answer, DemoError> {
    if answer.status == 0 {
        return Ok(answer);
    }
    let said: Vec<String> = answer.info.into_iter().chain(answer.errors).collect();
    Err(DemoError::Surprise(format!("The server answered status {}: {}", answer.status, said.join(" "))))
}

/// Moodle takes 3.0.5 and later, before 4, and nothing else in the body.
fn version(moodle: &Moodle) -> Result<((), Finding), DemoError> {
    let version = moodle.version()?;
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([3, minor, patch]) if (*minor, *patch) >= (0, 5) => {
            Ok(((), Finding::new(&version, "a version that Moodle accepts")))
        }
        _ => Err(DemoError::Surprise(format!("Moodle refuses the version {version:?}."))),
    }
}

fn train(moodle: &Moodle, model: &Model, dataset: &str) -> Result<((), Finding), DemoError> {
    succeeded(read(&moodle.train(model, dataset)?)?)?;
    let samples = dataset.lines().count() - 3;
    Ok(((), Finding::new("status 0", format!("learnt from {samples} samples"))))
}

fn predict(moodle: &Moodle, model: &Model, cohort: &Cohort) -> Result<(Vec<Predicted>, Finding), DemoError> {
    let predictions = predicted(moodle, model, &cohort.csv)?;
    let score = judge(cohort, &predictions)?;
    if score.auc < LOWEST_AUC {
        return Err(DemoError::Surprise(format!(
            "The predictions are poor: AUC {:.3} where at least {LOWEST_AUC} is expected.",
            score.auc
        )));
    }
    let meaning = format!(
        "AUC {:.3}, {:.1} % of {} samples right\n(saying that everybody stays: {:.1} %)",
        score.auc,
        100.0 * score.accuracy,
        score.samples,
        100.0 * score.baseline
    );
    Ok((predictions, Finding::new("status 0", meaning)))
}

fn predicted(moodle: &Moodle, model: &Model, dataset: &str) -> Result<Vec<Predicted>, DemoError> {
    let answer = succeeded(read(&moodle.predict(model, dataset)?)?)?;
    answer.predictions.ok_or_else(|| DemoError::Surprise("A prediction's answer has no predictions.".into()))
}

/// Gives the run, whose log Moodle fetches next.
fn evaluate(moodle: &Moodle, model: &Model, dataset: &str) -> Result<(u64, Finding), DemoError> {
    let answer = succeeded(read(&moodle.evaluate(model, dataset)?)?)?;
    let (Some(run), Some(score), Some(deviation), Some(auc)) =
        (answer.runid, answer.score, answer.score_deviation, answer.auc)
    else {
        return Err(DemoError::Surprise("An evaluation's answer lacks its run or its figures.".into()));
    };
    let meaning = format!(
        "score {score:.3} ± {deviation:.3}, AUC {auc:.3}\n\
         (asked for: {MIN_SCORE} ± {MAX_DEVIATION}; {ITERATIONS} splits)"
    );
    Ok((run, Finding::new("status 0", meaning)))
}

/// Writes an evaluation log where people can look at it.
fn unpack(archive: &[u8], report: &Path) -> Result<((), Finding), DemoError> {
    let broken =
        |error: zip::result::ZipError| DemoError::Surprise(format!("The log is no zip file: {error}."));
    let mut zip = ZipArchive::new(Cursor::new(archive)).map_err(broken)?;
    std::fs::create_dir_all(report).map_err(DemoError::Directory)?;
    let mut tensor = false;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(broken)?;
        let Some(name) = entry.enclosed_name().filter(|_| !entry.is_dir()) else { continue };
        tensor |= name.starts_with("tensor");
        let mut bytes = Vec::new();
        entry.by_ref().take(LARGEST_FILE).read_to_end(&mut bytes).map_err(DemoError::Directory)?;
        write_below(report, &name, &bytes).map_err(DemoError::Directory)?;
    }
    if let Some(missing) = ["info.log", "roc-curve.png"].into_iter().find(|name| !report.join(name).is_file())
    {
        return Err(DemoError::Surprise(format!("The evaluation's log has no {missing}.")));
    }
    if !tensor {
        return Err(DemoError::Surprise("The evaluation's log has nothing for TensorBoard.".into()));
    }
    Ok(((), Finding::new(size(archive), "info.log, roc-curve.png, TensorBoard files")))
}

fn write_below(directory: &Path, name: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let path = directory.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    write(path, bytes)
}

fn export(moodle: &Moodle, model: &Model) -> Result<(Vec<u8>, Finding), DemoError> {
    let archive = moodle.export(model)?;
    let files = ZipArchive::new(Cursor::new(&archive)).map_or(0, |zip| zip.len());
    if files == 0 {
        return Err(DemoError::Surprise("The export is no zip file with anything in it.".into()));
    }
    let finding = Finding::new(size(&archive), "the whole model, to keep or to share");
    Ok((archive, finding))
}

fn import(moodle: &Moodle, model: &Model, archive: &[u8]) -> Result<((), Finding), DemoError> {
    ok(&moodle.import(model, archive)?)?;
    Ok(((), Finding::new("Ok", "another site has it")))
}

fn same(
    moodle: &Moodle,
    model: &Model,
    cohort: &Cohort,
    expected: &[Predicted],
) -> Result<((), Finding), DemoError> {
    let predictions = predicted(moodle, model, &cohort.csv)?;
    let differing = predictions.iter().zip(expected).filter(|(one, other)| one != other).count();
    if differing > 0 || predictions.len() != expected.len() {
        return Err(DemoError::Surprise(format!(
            "The imported model predicts {} samples, {differing} of them differently from the exported one's {}.",
            predictions.len(),
            expected.len()
        )));
    }
    let meaning = format!("the same in all {} samples", predictions.len());
    Ok(((), Finding::new("status 0", meaning)))
}

/// A model that was made long ago and elsewhere answers as it did there.
fn bring(moodle: &Moodle, model: &Model) -> Result<((), Finding), DemoError> {
    ok(&moodle.import(model, &shipped::archive()?)?)?;
    let answered = shipped::check(&predicted(moodle, model, shipped::SAMPLES)?)?;
    Ok(((), Finding::new("Ok", format!("answers its {answered} samples as it must"))))
}

/// What is deleted must be gone, and nothing else.
fn delete(moodle: &Moodle, gone: &Model, kept: &Model, cohort: &Cohort) -> Result<((), Finding), DemoError> {
    ok(&moodle.delete(&gone.uniqueid)?)?;
    let after = read(&moodle.predict(gone, &cohort.csv)?)?;
    if after.status != 2 {
        return Err(DemoError::Surprise(format!(
            "A deleted model should answer status 2, and answers {}.",
            after.status
        )));
    }
    predicted(moodle, kept, &cohort.csv)?;
    Ok(((), Finding::new("Ok", "gone; the first model still predicts")))
}

fn ok(answer: &str) -> Result<(), DemoError> {
    if answer == "Ok" {
        Ok(())
    } else {
        Err(DemoError::Surprise(format!("The server should answer Ok, and answers {answer:?}.")))
    }
}

fn size(bytes: &[u8]) -> String {
    format!("{:.0} kB", (bytes.len() as f64 / 1000.0).ceil())
}
