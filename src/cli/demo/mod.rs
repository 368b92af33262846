//! `moodle-mlbackend demo`: a Moodle session against a real server, with synthetic students.
//!
//! Owns the session and its outcome. The demo is a client like any other: it uses the server over HTTP alone and
//! must not call `backend`.

mod error;
mod moodle;
mod output;
mod score;
mod server;
mod session;
mod shipped_model;
pub mod students;

use std::path::Path;
use std::process::ExitCode;

use super::exit_code::Exit;
use super::output::{print, print_json};
use serde_json::json;

use error::DemoError;
use moodle::Moodle;
use output::{Output, done};
use server::Server;
use students::Campus;

/// The only user of the demo's server.
const USER: &str = "demo";

/// Run a complete Moodle session against a temporary server, with synthetic students.
///
/// Needs no configuration. Trains, predicts, evaluates, exports, imports and deletes over HTTP, with synthetic
/// students of whom some drop out; prints the quality of the predictions and the path of the report.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the server running until Ctrl-C, and print the settings to connect a Moodle site to it.
    #[arg(long)]
    keep: bool,

    /// Print JSON, for programs
    #[arg(long, conflicts_with = "keep")]
    json: bool,

    /// The number of training samples.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(500..=1_000_000))]
    samples: u32,

    /// The seed of the synthetic students.
    #[arg(long, value_name = "S", default_value_t = 2_026)]
    seed: u64,
}

/// Runs the demo; the exit code is 0 if every step had the expected result.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    match run_in_new_directory(args) {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => {
            eprintln!("\nInterrupted; the server was stopped.");
            Exit::Interrupted.into()
        }
        Err(error) => {
            eprintln!("\nThe demo failed. {error}");
            ExitCode::FAILURE
        }
    }
}

enum Outcome {
    Success,
    Interrupted,
}

/// The directory with the report remains after the demo; the server's files in it are removed.
fn run_in_new_directory(args: &Args) -> Result<Outcome, DemoError> {
    let created = tempfile::Builder::new().prefix("moodle-mlbackend-demo-").tempdir();
    let directory = created.map_err(DemoError::Directory)?.keep();
    let work = directory.join("work");
    std::fs::create_dir(&work).map_err(DemoError::Directory)?;
    let outcome = run_steps(args, &directory, &work);
    if let Err(error) = std::fs::remove_dir_all(&work) {
        eprintln!("{} could not be removed: {error}.", work.display());
    }
    outcome
}

/// From the server's start to its end.
fn run_steps(args: &Args, directory: &Path, work: &Path) -> Result<Outcome, DemoError> {
    let password = super::passwd::generate()?;
    let mut output = Output::new(session::STEPS, args.json);
    output.line(&format!(
        "\n{}\n",
        output.bold("moodle-mlbackend demo: a Moodle site and its students at risk")
    ));
    let server = output.step("start the server", || {
        let server = Server::start(work, &directory.join("server.log"), &format!("{USER}:{password}"))?;
        let address = server.address.clone();
        Ok(done(server, address, "listening on the loopback interface only"))
    })?;
    let moodle = Moodle::new(&server.address, USER, &password);
    let campus = Campus::new(args.seed);
    let result = session::run(&mut output, &moodle, &campus, args.samples as usize, directory);
    if server.interrupted() {
        return Ok(Outcome::Interrupted);
    }
    if let Err(error) = result {
        eprintln!("\nThe end of the server's log:\n{}", server.log_tail());
        return Err(error);
    }
    output.finish();
    if args.json {
        print_json(&json!({
            "steps": output.steps(),
            "report": directory.join("report"),
            "datasets": directory.join("datasets"),
            "log": directory.join("server.log"),
        }));
        return Ok(Outcome::Success);
    }
    print_paths(&output, directory);
    if args.keep {
        print_settings(&output, &server.address, &password);
        server.wait()?;
    }
    Ok(Outcome::Success)
}

fn print_paths(output: &Output, directory: &Path) {
    let report = directory.join("report");
    print(&format!("Evaluation report   {}", output.bold(&report.display().to_string())));
    print(&format!("  for a browser     {}", report.join("report.html").display()));
    print(&format!("  ROC curve         {}", report.join("roc-curve.png").display()));
    print(&format!("  calibration       {}", report.join("calibration.png").display()));
    print(&format!("Datasets            {}", directory.join("datasets").display()));
    print(&format!("Server log          {}", directory.join("server.log").display()));
}

fn print_settings(output: &Output, address: &str, password: &str) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    print(&format!(
        "\n{}",
        output.bold(&format!("The server keeps running at http://{address} until Ctrl-C."))
    ));
    print(&"In Moodle, Site administration > Plugins > Machine learning backends > Python:");
    for (setting, value) in [
        ("Use a server", "yes"),
        ("Host", host),
        ("Port", port),
        ("Use HTTPS", "no"),
        ("Username", USER),
        ("Password", password),
    ] {
        print(&format!("  {setting:<14}{value}"));
    }
    print(&"And, under Analytics > Analytics settings, Python as the predictions processor.");
}
