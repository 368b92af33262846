//! Moodle's local mode: `-m moodlemlbackend.MODULE args…`, as a Python interpreter would run it.
//!
//! Owns the format of these command lines and of their output. Moodle reads the last line of stdout and the exit code, and
//! merges stderr into stdout for the version check, so nothing else is printed. Must not know how models are trained
//! or stored: [`crate::backend`] does.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{actor, progress};
use crate::audit::{Operation, Trail};
use crate::backend::{
    self, Audited, BackendError, EvaluationInfo, EvaluationRequest, LoadedModels, Status, TimeBudget,
    TrainingOptions, USUAL_BUDGET,
};
use crate::config::EVALUATION_INFO;
use crate::dataset::Limits;
use crate::store::{DirHash, ModelDir, ModelId};
use crate::text::Untrusted;

/// The version of the protocol; Moodle requires at least 3.0.5 and less than 4.
pub const PROTOCOL_VERSION: &str = "3.0.5";

/// Longer arguments are cut in messages.
const MAX_ARGUMENT_CHARS: usize = 400;

/// Runs a module; `args` begins with its name, the argument after `-m`.
#[must_use]
pub fn run(args: &[String]) -> ExitCode {
    let output = run_module(&args.iter().map(String::as_str).collect::<Vec<_>>());
    if let Some(problem) = &output.problem {
        eprintln!("{problem}");
    }
    match std::io::stdout().write_all(output.stdout.as_bytes()) {
        Ok(()) => ExitCode::from(output.code),
        Err(_) => ExitCode::FAILURE, // Moodle has exited
    }
}

/// The output and exit code of a module.
#[derive(Debug, PartialEq)]
struct Output {
    stdout: String,
    problem: Option<String>,
    code: u8,
}

impl Output {
    fn text(stdout: impl Into<String>) -> Self {
        Self { stdout: stdout.into(), problem: None, code: 0 }
    }

    /// One line of JSON; the exit code is the status in it.
    fn json(status: Status, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(line) => Self { stdout: line + "\n", problem: None, code: status.0 },
            Err(error) => Self::refused(&format!("The reply could not be written: {error}.")),
        }
    }

    fn refused(reason: &str) -> Self {
        Self::json(Status::GENERAL_ERROR, &json!({"status": Status::GENERAL_ERROR, "info": [reason]}))
    }

    /// A failure where Moodle expects no JSON: the reason goes to stderr.
    fn failed(problem: Option<String>) -> Self {
        Self { stdout: String::new(), problem, code: 1 }
    }

    /// Too few arguments. The run's id is a string of seconds here, as the Python modules print it.
    fn missing(arguments: &str) -> Self {
        #[derive(Serialize)]
        struct Reply {
            runid: String,
            status: Status,
            info: [String; 1],
        }
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let info = format!("Missing arguments, you should set: {arguments}.");
        let status = Status::GENERAL_ERROR;
        Self::json(status, &Reply { runid: seconds.to_string(), status, info: [info] })
    }
}

/// An error is a refusal with its full cause: the output is for the administrator of this machine.
type ModuleResult = Result<Output, Box<dyn Error>>;

fn run_module(args: &[&str]) -> Output {
    let (module, args) = args.split_first().map_or(("", args), |(module, args)| (*module, args));
    let result = match module.strip_prefix("moodlemlbackend.") {
        Some("version") => Ok(Output::text(format!("{PROTOCOL_VERSION}\n"))),
        Some("training") => train(args),
        Some("prediction") => predict(args),
        Some("evaluation") => evaluate(args),
        Some("export") => Ok(export(args)),
        Some("import") => Ok(import(args)),
        _ => Err(format!(
            "There is no module {}: use moodlemlbackend.version, .training, .prediction, .evaluation, .export or \
             .import.",
            shown(module)
        )
        .into()),
    };
    result.unwrap_or_else(|error| Output::refused(&error.to_string()))
}

// The first argument of every module is the model's unique id, which only the audit trail uses: the directory identifies
// the model.

/// Runs an operation on the model in a directory and records it. `dataset` is the path of its upload.
fn recorded<T: Audited>(
    operation: Operation,
    (id, directory): (&str, &str),
    dataset: Option<&str>,
    run: impl FnOnce(ModelDir) -> Result<T, BackendError>,
) -> Result<T, Box<dyn Error>> {
    let trail = trail(id, directory);
    // A failure is that of the next line.
    let _ = trail.report_interrupted();
    let mut subject = actor::operation(operation);
    if let Ok(id) = ModelId::new(id) {
        subject = match DirHash::new("directory", last_name(directory)) {
            Ok(hash) => subject.with_model(&id, &hash),
            Err(_) => subject.with_id(&id),
        };
    }
    if let Some(dataset) = dataset {
        let (bytes, sha256) = hashed(dataset)?;
        subject = subject.with_upload(Some(bytes), Some(&sha256));
    }
    Ok(trail.run(subject, || run(model_dir(directory)), Audited::outcome)??)
}

/// The trail of a model. Moodle's output directory contains a directory with the unique id of each model, so the trail is
/// there, as in the data directory of a server; Moodle deletes only what is below the unique id. Another directory has a
/// trail of its own.
fn trail(id: &str, directory: &str) -> Trail {
    let directory = Path::new(directory);
    let of_id = directory.ancestors().find(|path| path.file_name().is_some_and(|name| name == id));
    match of_id.and_then(Path::parent) {
        Some(output) if output.as_os_str().is_empty() => Trail::at(Path::new(".")),
        Some(output) => Trail::at(output),
        None => Trail::at(directory),
    }
}

fn last_name(directory: &str) -> &str {
    Path::new(directory).file_name().and_then(OsStr::to_str).unwrap_or_default()
}

/// The size of a file in bytes, and its SHA-256.
fn hashed(path: &str) -> Result<(u64, [u8; 32]), String> {
    let mut sha256 = HashWriter::default();
    let copied = io::copy(&mut open(path)?, &mut sha256);
    let bytes =
        copied.map_err(|error| format!("The dataset file {} cannot be read: {error}.", shown(path)))?;
    Ok((bytes, sha256.0.finalize().into()))
}

/// Hashes what is written.
#[derive(Default)]
struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn train(args: &[&str]) -> ModuleResult {
    let &[id, directory, dataset, ..] = args else {
        return Ok(Output::missing("the model's unique id, its directory, the training dataset's file"));
    };
    let file = open(dataset)?;
    let training = recorded(Operation::Training, (id, directory), Some(dataset), |model| {
        backend::train(&model, file, &Limits::default(), TrainingOptions::default())
    })?;
    Ok(Output::json(training.status, &training))
}

fn predict(args: &[&str]) -> ModuleResult {
    let &[id, directory, dataset, ..] = args else {
        return Ok(Output::missing("the model's unique id, its directory, the prediction dataset's file"));
    };
    let (file, models) = (open(dataset)?, LoadedModels::none());
    let prediction = recorded(Operation::Prediction, (id, directory), Some(dataset), |model| {
        backend::predict(&model, &models, file, &Limits::default())
    })?;
    Ok(Output::json(prediction.status, &prediction))
}

fn evaluate(args: &[&str]) -> ModuleResult {
    let &[id, directory, dataset, min_score, max_deviation, iterations, ref rest @ ..] = args else {
        return Ok(Output::missing(
            "the model's unique id, its directory, the evaluation dataset's file, the minimum score, the maximum \
             deviation, the number of iterations, optionally the trained model's directory",
        ));
    };
    let request = evaluation_request(min_score, max_deviation, iterations)?;
    let file = open(dataset)?;
    let trained =
        rest.first().filter(|directory| !directory.is_empty()).map(|directory| model_dir(directory));
    let bar = progress::bar("  evaluating {bar:24.cyan/240} {pos} of {len} iterations, {elapsed}");
    let budget = TimeBudget::new(USUAL_BUDGET, |done, requested| {
        bar.set_length(requested as u64);
        // Threads may report out of order.
        bar.set_position(bar.position().max(done as u64));
    });
    let mut reply = recorded(Operation::Evaluation, (id, directory), Some(dataset), |model| {
        backend::evaluate(&model, trained.as_ref(), file, &request, &Limits::default(), &budget)
    })?;
    // In local mode the reply has the real path of the run: Moodle shows it to its administrator.
    if let (Some(figures), Ok(Some(run))) = (&mut reply.figures, model_dir(directory).run(reply.runid)) {
        figures.dir = run.path().display().to_string();
    }
    Ok(Output::json(reply.status, &reply))
}

fn evaluation_request(
    min_score: &str,
    max_deviation: &str,
    iterations: &str,
) -> Result<EvaluationRequest, String> {
    Ok(EvaluationRequest {
        min_score: number("minimum score", min_score, 0.0..=1.0)?,
        max_deviation: number("maximum deviation", max_deviation, 0.0..=1.0)?,
        iterations: number("number of iterations", iterations, 1..=1_000)?,
        info: evaluation_info(),
        group_by: None,
    })
}

/// The one setting that local mode shares with the server; an invalid value counts as unset.
fn evaluation_info() -> EvaluationInfo {
    let setting = std::env::var(EVALUATION_INFO).ok();
    setting.and_then(|value| value.parse().ok()).unwrap_or_default()
}

fn number<T>(name: &str, text: &str, allowed: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    text.parse().ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
        format!(
            "The {name} {} cannot be used: give a number from {} to {}.",
            shown(text),
            allowed.start(),
            allowed.end()
        )
    })
}

fn export(args: &[&str]) -> Output {
    let &[id, directory, target, ..] = args else {
        return Output::missing("the model's unique id, its directory, the directory to export to");
    };
    let exported = recorded(Operation::Export, (id, directory), None, |model| {
        backend::export_to(&model, Path::new(target)).map(|exported| exported.then_some(()))
    });
    match exported {
        Ok(Some(())) => Output::text(format!("{target}\n")),
        Ok(None) => Output::failed(None),
        Err(error) => Output::failed(Some(error.to_string())),
    }
}

fn import(args: &[&str]) -> Output {
    let &[id, directory, source, ..] = args else {
        return Output::missing("the model's unique id, its directory, the directory to import from");
    };
    let imported = recorded(Operation::Import, (id, directory), None, |model| {
        backend::import_from(&model, Path::new(source), &Limits::default())
    });
    match imported {
        Ok(_) => Output::text("Ok\nOk\n"),
        Err(error) => Output::failed(Some(error.to_string())),
    }
}

/// Moodle puts what a module prints into its page as HTML.
fn shown(argument: &str) -> String {
    Untrusted(argument).quoted(MAX_ARGUMENT_CHARS)
}

fn open(path: &str) -> Result<File, String> {
    if !Path::new(path).is_file() {
        return Err(format!("There is no dataset file {}: check Moodle's temporary directory.", shown(path)));
    }
    File::open(path).map_err(|error| format!("The dataset file {} cannot be opened: {error}.", shown(path)))
}

fn model_dir(directory: &str) -> ModelDir {
    ModelDir::at(Path::new(directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_refusal_of_an_unknown_module_lists_the_known_ones() {
        let output = run_module(&["moodlemlbackend.nothing"]);
        assert_eq!(output.code, 1);
        assert!(output.stdout.contains("moodlemlbackend.nothing"), "{}", output.stdout);
        assert!(output.stdout.contains(".training"), "{}", output.stdout);
    }

    #[test]
    fn an_argument_is_inert_in_the_page_that_shows_the_refusal() {
        let page = "<img src=x onerror=alert(1)>";
        let outputs = [
            run_module(&[page]),
            run_module(&["moodlemlbackend.training", "m", "directory", page]),
            run_module(&["moodlemlbackend.evaluation", "m", "directory", page, page, "0.05", "10"]),
        ];
        for output in outputs {
            assert!(
                output.stdout.contains("?img src=x") && !output.stdout.contains('<'),
                "{}",
                output.stdout
            );
        }
    }

    #[test]
    fn refuses_an_empty_command_line() {
        assert_eq!(run_module(&[]).code, 1);
    }

    #[rstest]
    #[case(["good", "0.05", "10"], "minimum score")]
    #[case(["NaN", "0.05", "10"], "minimum score")]
    #[case(["0.7", "-1", "10"], "maximum deviation")]
    #[case(["0.7", "0.05", "1.5"], "number of iterations")]
    #[case(["0.7", "0.05", "0"], "number of iterations")]
    fn refuses_invalid_numbers_of_an_evaluation(#[case] numbers: [&str; 3], #[case] name: &str) {
        let [min_score, max_deviation, iterations] = numbers;
        let reason = evaluation_request(min_score, max_deviation, iterations).expect_err("refused");
        assert!(reason.contains(name), "{reason}");
        assert!(evaluation_request("0.7", "0.05", "10").is_ok());
    }
}
