//! Moodle's local mode: `-m moodlemlbackend.MODULE args…`, as a Python interpreter would run it.
//!
//! Owns the shape of these command lines and of what they print: Moodle reads the last line of stdout
//! and the exit code, and merges stderr into stdout for the version check, so nothing else is printed.
//! Must not know how models are trained or stored: [`crate::backend`] does the work.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::json;

use super::progress::Bar;
use crate::backend::{
    self, BackendError, EvaluationReply, EvaluationRequest, Status, TimeBudget, USUAL_BUDGET,
};
use crate::dataset::Limits;
use crate::store::ModelDir;

/// The version of the protocol that Moodle looks for; it wants at least 3.0.5 and less than 4.
pub const PROTOCOL_VERSION: &str = "3.0.5";

/// Runs one module; `args` is what follows `-m`, the module's name first.
#[must_use]
pub fn run(args: &[String]) -> ExitCode {
    let answer = answer(args);
    if let Some(problem) = &answer.problem {
        eprintln!("{problem}");
    }
    let written = std::io::stdout().write_all(answer.output.as_bytes());
    match written {
        Ok(()) => ExitCode::from(answer.code),
        Err(_) => ExitCode::FAILURE, // Moodle has exited
    }
}

/// The output and exit code of a module.
#[derive(Debug, PartialEq)]
struct Answer {
    output: String,
    problem: Option<String>,
    code: u8,
}

impl Answer {
    fn text(output: impl Into<String>) -> Self {
        Self { output: output.into(), problem: None, code: 0 }
    }

    /// One line of JSON; the exit code is the status inside.
    fn json(status: Status, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(line) => Self { output: line + "\n", problem: None, code: status.0 },
            Err(error) => Self::refused(&format!("The answer could not be written: {error}.")),
        }
    }

    fn refused(reason: &str) -> Self {
        Self::json(Status::GENERAL_ERROR, &json!({"status": Status::GENERAL_ERROR, "info": [reason]}))
    }

    /// A failure where Moodle expects no JSON: the reason goes to stderr.
    fn failed(problem: String) -> Self {
        Self { output: String::new(), problem: Some(problem), code: 1 }
    }

    /// Too few arguments. The run's id is a string of seconds here, as the Python modules print it.
    fn missing(arguments: &str) -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let info = format!("Missing arguments, you should set: {arguments}.");
        Self::json(
            Status::GENERAL_ERROR,
            &MissingArguments { runid: seconds.to_string(), status: Status::GENERAL_ERROR, info: [info] },
        )
    }
}

#[derive(Serialize)]
struct MissingArguments {
    runid: String,
    status: Status,
    info: [String; 1],
}

fn answer(args: &[String]) -> Answer {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (module, rest) = args.split_first().map_or(("", &[][..]), |(module, rest)| (*module, rest));
    match module.strip_prefix("moodlemlbackend.") {
        Some("version") => Answer::text(format!("{PROTOCOL_VERSION}\n")),
        Some("training") => train(rest),
        Some("prediction") => predict(rest),
        Some("evaluation") => evaluate(rest),
        Some("export") => export(rest),
        Some("import") => import(rest),
        _ => Answer::refused(&format!(
            "There is no module {module:?}: use moodlemlbackend.version, .training, .prediction, .evaluation, \
             .export or .import."
        )),
    }
}

// Every module gets the model's unique id first and ignores it: the directory identifies the model.

fn train(args: &[&str]) -> Answer {
    let &[_, directory, dataset, ..] = args else {
        return Answer::missing("the model's unique id, its directory, the training dataset's file");
    };
    let trained = file(dataset)
        .and_then(|dataset| with_cause(backend::train(&home(directory), dataset, &Limits::default())));
    match trained {
        Ok(training) => Answer::json(training.status, &training),
        Err(reason) => Answer::refused(&reason),
    }
}

fn predict(args: &[&str]) -> Answer {
    let &[_, directory, dataset, ..] = args else {
        return Answer::missing("the model's unique id, its directory, the prediction dataset's file");
    };
    let predicted = file(dataset)
        .and_then(|dataset| with_cause(backend::predict(&home(directory), dataset, &Limits::default())));
    match predicted {
        Ok(prediction) => Answer::json(prediction.status, &prediction),
        Err(reason) => Answer::refused(&reason),
    }
}

fn evaluate(args: &[&str]) -> Answer {
    let &[_, directory, dataset, min_score, max_deviation, iterations, ref rest @ ..] = args else {
        return Answer::missing(
            "the model's unique id, its directory, the evaluation dataset's file, the minimum score, the maximum \
             deviation, the number of iterations, optionally the trained model's directory",
        );
    };
    let trained = rest.first().filter(|directory| !directory.is_empty()).map(|directory| home(directory));
    let evaluated = evaluation_request(min_score, max_deviation, iterations)
        .and_then(|request| run_evaluation(&home(directory), trained.as_ref(), file(dataset)?, &request));
    match evaluated {
        Ok(reply) => Answer::json(reply.status, &reply),
        Err(reason) => Answer::refused(&reason),
    }
}

/// In local mode the reply names the real directory of the run: Moodle shows it to its administrator.
fn run_evaluation(
    home: &ModelDir,
    trained: Option<&ModelDir>,
    dataset: File,
    request: &EvaluationRequest,
) -> Result<EvaluationReply, String> {
    let bar = Bar::new("evaluating");
    let budget = TimeBudget::new(USUAL_BUDGET, |done, asked| bar.show(done, asked));
    let mut reply =
        with_cause(backend::evaluate(home, trained, dataset, request, &Limits::default(), &budget))?;
    drop(bar);
    if let (Some(figures), Ok(Some(run))) = (&mut reply.figures, home.run(reply.runid)) {
        figures.dir = run.path().display().to_string();
    }
    Ok(reply)
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
    })
}

fn number<T>(name: &str, text: &str, allowed: std::ops::RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    text.parse().ok().filter(|value| allowed.contains(value)).ok_or_else(|| {
        format!(
            "The {name} {text:?} cannot be used: give a number from {} to {}.",
            allowed.start(),
            allowed.end()
        )
    })
}

fn export(args: &[&str]) -> Answer {
    let &[_, directory, target, ..] = args else {
        return Answer::missing("the model's unique id, its directory, the directory to export to");
    };
    match backend::export_to(&home(directory), Path::new(target)) {
        Ok(true) => Answer::text(format!("{target}\n")),
        Ok(false) => Answer { output: String::new(), problem: None, code: 1 },
        Err(error) => Answer::failed(error.to_string()),
    }
}

fn import(args: &[&str]) -> Answer {
    let &[_, directory, source, ..] = args else {
        return Answer::missing("the model's unique id, its directory, the directory to import from");
    };
    match backend::import_from(&home(directory), Path::new(source), &Limits::default()) {
        Ok(()) => Answer::text("Ok\nOk\n"),
        Err(error) => Answer::failed(error.to_string()),
    }
}

/// The full cause: the output is for the administrator of this machine.
fn with_cause<T>(result: Result<T, BackendError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn file(path: &str) -> Result<File, String> {
    if !Path::new(path).is_file() {
        return Err(format!("There is no dataset file {path:?}: check Moodle's temporary directory."));
    }
    File::open(path).map_err(|error| format!("The dataset file {path:?} cannot be opened: {error}."))
}

fn home(directory: &str) -> ModelDir {
    ModelDir::at(Path::new(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(args: &[&str]) -> Answer {
        answer(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_version_is_only_that_of_the_protocol() {
        assert_eq!(answered(&["moodlemlbackend.version"]), Answer::text("3.0.5\n"));
    }

    #[test]
    fn missing_arguments_get_a_json_reply_with_a_run_id_as_a_string() {
        for module in ["training", "prediction", "evaluation", "export", "import"] {
            let answer = answered(&[&format!("moodlemlbackend.{module}"), "id"]);
            let body: serde_json::Value = serde_json::from_str(&answer.output).expect("one line of JSON");
            assert_eq!(answer.code, 1, "{module}");
            assert_eq!(body["status"], 1, "{module}");
            let runid = body["runid"].as_str().expect("runid is a string");
            assert!(runid.bytes().all(|digit| digit.is_ascii_digit()), "{module}: {runid}");
            let info = body["info"][0].as_str().expect("info has a sentence");
            assert!(info.starts_with("Missing arguments, you should set: "), "{module}: {info}");
        }
    }

    #[test]
    fn the_refusal_of_an_unknown_module_lists_the_known_ones() {
        let answer = answered(&["moodlemlbackend.nothing"]);
        assert_eq!(answer.code, 1);
        assert!(answer.output.contains("moodlemlbackend.nothing"), "{}", answer.output);
        assert!(answer.output.contains(".training"), "{}", answer.output);
    }

    #[test]
    fn refuses_an_empty_command_line() {
        assert_eq!(answered(&[]).code, 1);
    }

    #[test]
    fn refuses_invalid_numbers_of_an_evaluation() {
        for (min_score, max_deviation, iterations, named) in [
            ("good", "0.05", "10", "minimum score"),
            ("NaN", "0.05", "10", "minimum score"),
            ("0.7", "-1", "10", "maximum deviation"),
            ("0.7", "0.05", "1.5", "number of iterations"),
            ("0.7", "0.05", "0", "number of iterations"),
        ] {
            let reason = evaluation_request(min_score, max_deviation, iterations).expect_err("refused");
            assert!(reason.contains(named), "{reason}");
        }
        assert!(evaluation_request("0.7", "0.05", "10").is_ok());
    }
}
