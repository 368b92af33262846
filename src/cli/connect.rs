//! `moodle-mlbackend connect`: makes a Moodle use this server.
//!
//! Owns which settings Moodle needs, and their order. Must not know how Moodle stores them. The password is never an argument
//! of a process and is never printed.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::moodle::{Moodle, MoodleError, PhpArgs};
use super::output::print;
use super::passwd::{self, PasswdError};
use super::users_entry::Destination;
use crate::auth;

/// The value of Moodle's setting for the predictions processor.
pub(super) const PROCESSOR: &str = "\\mlbackend_python\\processor";

/// The component of Moodle that has the settings of the server.
pub(super) const PLUGIN: &str = "mlbackend_python";

/// Connect a Moodle on this machine with the server.
///
/// Sets the host, the port, the user and the password in Moodle, selects the Python machine learning backend as its predictions
/// processor, and clears the models if another processor trained them, as Moodle's own page does. Writes the user's entry for the
/// server where you say, or prints it. The password is asked for, or is the first line of standard input.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Args {
    /// Moodle's folder, which has its config.php.
    #[arg(long, value_name = "DIR")]
    moodle: PathBuf,

    /// Host name or address of the server or its proxy, as Moodle's machine sees it.
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    host: String,

    /// Port of the server or its proxy.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// Connect with HTTPS.
    #[arg(long)]
    https: bool,

    /// The user that Moodle logs in as.
    #[arg(long, default_value = "moodle", value_parser = passwd::user)]
    user: String,

    /// Generate a strong password instead of asking for one.
    #[arg(long)]
    generate: bool,

    /// Write the entry into this file of users (`MOODLE_MLBACKEND_PYTHON_USERS_FILE`).
    #[arg(long, value_name = "FILE")]
    users_file: Option<PathBuf>,

    /// Write the entry into this file of variables, such as /etc/moodle-mlbackend/environment.
    #[arg(long, value_name = "FILE", conflicts_with = "users_file")]
    environment_file: Option<PathBuf>,

    /// Which models of Moodle to clear, so that it trains them again.
    #[arg(long, value_enum, default_value_t = Clear::Changed)]
    clear: Clear,

    #[command(flatten)]
    php: PhpArgs,

    /// Print what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// When models are cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Clear {
    /// All, if the predictions processor changes
    Changed,
    /// All: the server has none of the models that Moodle believes to be trained
    All,
    /// None: the server has them already
    None,
}

/// Why the Moodle could not be connected.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error(transparent)]
    Moodle(#[from] MoodleError),
    #[error(transparent)]
    Password(#[from] PasswdError),
    #[error(transparent)]
    Entry(#[from] auth::UsersError),
    #[error("The user's entry cannot be written to {path}: {source}. Nothing was changed in Moodle")]
    Write { path: PathBuf, source: std::io::Error },
}

/// What is done, in this order.
#[derive(Debug, Clone, Serialize)]
struct Step {
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// All steps, and what else has to be said.
#[derive(Debug, Serialize)]
struct Report {
    dry_run: bool,
    steps: Vec<Step>,
    /// The entry, if it was not written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    users_entry: Option<String>,
    next: Vec<String>,
}

/// Connects. Fails when a step failed.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    match connect(args) {
        Ok(report) => {
            if args.json {
                print(&json!(report));
            } else {
                print_report(&report);
            }
            if report.steps.iter().all(|step| step.problem.is_none()) {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            if args.json {
                print(&json!({ "problem": error.to_string() }));
            }
            eprintln!("{error}.");
            ExitCode::FAILURE
        }
    }
}

fn connect(args: &Args) -> Result<Report, ConnectError> {
    let moodle = Moodle::at(&args.moodle, &args.php)?;
    let before = moodle.settings("analytics")?;
    let before = before.get("predictionsprocessor").and_then(|value| value.as_str()).unwrap_or_default();
    let clear = args.clear.applies(before);
    let mut report = Report { dry_run: args.dry_run, steps: Vec::new(), users_entry: None, next: next(args) };
    if args.dry_run {
        report.steps = planned(args, &moodle, clear);
        return Ok(report);
    }
    let password =
        if args.generate { passwd::generate().map_err(PasswdError::from)? } else { passwd::ask(&args.user)? };
    let entry = auth::argon2id_entry(&args.user, &password)?;
    // First, because it is the step that fails most easily, for lack of permission.
    if let Some(destination) = args.destination() {
        let path = destination.path().to_owned();
        destination.write(&entry).map_err(|source| ConnectError::Write { path, source })?;
        report.steps.push(Step::done(writes(&destination)));
    } else {
        report.users_entry = Some(entry);
    }
    for (name, value) in args.settings() {
        moodle.set(PLUGIN, name, &value)?;
        report.steps.push(Step::done(sets(PLUGIN, name, &value)));
    }
    moodle.set(PLUGIN, "password", &password)?;
    report.steps.push(Step::done(sets(PLUGIN, "password", "(hidden)")));
    // Moodle's page clears before it changes the processor, which deletes what the former one has stored.
    if clear {
        report.steps.push(clear_models(&moodle)?);
    }
    moodle.set("analytics", "predictionsprocessor", PROCESSOR)?;
    report.steps.push(Step::done(sets("analytics", "predictionsprocessor", PROCESSOR)));
    Ok(report)
}

impl Clear {
    /// Whether models are cleared. Moodle's page clears none if no processor was ever chosen.
    fn applies(self, before: &str) -> bool {
        match self {
            Self::Changed => !before.is_empty() && before != PROCESSOR,
            Self::All => true,
            Self::None => false,
        }
    }
}

impl Args {
    fn destination(&self) -> Option<Destination> {
        let users = self.users_file.clone().map(Destination::Users);
        users.or_else(|| self.environment_file.clone().map(Destination::Environment))
    }

    /// Moodle's settings without the password and the processor.
    fn settings(&self) -> [(&'static str, String); 5] {
        [
            ("useserver", "1".to_owned()),
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("secure", u8::from(self.https).to_string()),
            ("username", self.user.clone()),
        ]
    }
}

impl Step {
    fn done(what: String) -> Self {
        Self { what, problem: None }
    }
}

fn planned(args: &Args, moodle: &Moodle, clear: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(user) = moodle.user() {
        steps.push(format!("run PHP as {user}"));
    }
    steps.extend(args.destination().as_ref().map(writes));
    steps.extend(args.settings().iter().map(|(name, value)| sets(PLUGIN, name, value)));
    steps.push(sets(PLUGIN, "password", "(hidden)"));
    if clear {
        steps.push("clear all models".to_owned());
    }
    steps.push(sets("analytics", "predictionsprocessor", PROCESSOR));
    steps.into_iter().map(Step::done).collect()
}

fn writes(destination: &Destination) -> String {
    format!("write the user's entry to {}", destination.path().display())
}

fn sets(component: &str, name: &str, value: &str) -> String {
    format!("set {component}/{name} to {value}")
}

fn clear_models(moodle: &Moodle) -> Result<Step, MoodleError> {
    let (cleared, problems) = moodle.clear_models()?;
    let what = format!("cleared {}", super::table::counted(cleared, "model"));
    let problem = problems.first().map(|first| {
        format!(
            "{} could not be cleared ({}): choose Clear predictions in its menu in Moodle",
            super::table::counted(problems.len(), "model"),
            super::table::sanitized(first)
        )
    });
    Ok(Step { what, problem })
}

fn next(args: &Args) -> Vec<String> {
    let mut next = Vec::new();
    if args.destination().is_none() {
        next.push("give the server the users entry that was printed".to_owned());
    }
    next.push("start the server or restart it (systemctl restart moodle-mlbackend)".to_owned());
    next.push(format!("check everything: moodle-mlbackend doctor --moodle {}", args.moodle.display()));
    next
}

fn print_report(report: &Report) {
    for step in &report.steps {
        match &step.problem {
            None if report.dry_run => print(&format!("would: {}", step.what)),
            None => print(&format!("done: {}", step.what)),
            Some(problem) => print(&format!("problem: {}: {problem}", step.what)),
        }
    }
    if let Some(entry) = &report.users_entry {
        print(&format!("\nSet this for the server, quoted:\n\n{}={entry}", crate::config::USERS));
    }
    print(&"\nNext:");
    report.next.iter().for_each(|step| print(&format!("- {step}")));
}

/// What Moodle's setting accepts: no scheme, port or path.
fn host(text: &str) -> Result<String, String> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if !text.is_empty() && text.chars().all(valid) {
        Ok(text.to_owned())
    } else {
        Err("give a name or an address, without https:// and without a path: Moodle has a setting for each part".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Clear::Changed, "\\mlbackend_php\\processor", true)]
    #[case(Clear::Changed, PROCESSOR, false)]
    #[case(Clear::Changed, "", false)]
    #[case(Clear::All, PROCESSOR, true)]
    #[case(Clear::None, "\\mlbackend_php\\processor", false)]
    fn models_are_cleared_as_moodles_page_does(
        #[case] clear: Clear,
        #[case] before: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(clear.applies(before), expected);
    }

    #[rstest]
    #[case("https://ml.example.org")]
    #[case("ml.example.org/mlbackend")]
    #[case("")]
    fn refuses_a_host_that_moodle_would_not_accept(#[case] text: &str) {
        assert!(host(text).is_err());
        assert!(host("ml.example.org").is_ok() && host("::1").is_ok());
    }
}
