//! `moodle-mlbackend jobs`: the asynchronous jobs of a server.
//!
//! Owns the arguments and the output. Must not know how a server is asked: `client` does.

mod client;

use std::process::ExitCode;

use indicatif::ProgressBar;

use super::exit_code::{Exit, exit_with};
use super::output::{print, print_json};
use super::progress::Quiet;
use super::replay::server;
use super::table::{key_value_table, model_path, sanitized, table};
use client::{Client, Job, JobsError};

/// List, watch or cancel the asynchronous jobs of a server.
///
/// These are trainings, evaluations, predictions and explanations whose requests had the header `Prefer: respond-async`. Without an
/// id, all jobs are listed that the user sees, the newest first. The password comes from the variable
/// `MOODLE_MLBACKEND_JOBS_PASSWORD` or is prompted for. Exits with 3 when the job failed or was cancelled.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend jobs --url http://127.0.0.1:5000 --user moodle
  moodle-mlbackend jobs --url http://127.0.0.1:5000 --user moodle --watch 5b1f7a2c9d0e4f365b1f7a2c9d0e4f36")]
pub struct Args {
    /// The id of a job: show it alone
    #[arg(value_name = "ID", value_parser = id)]
    id: Option<String>,

    /// The server, such as `http://127.0.0.1:5000`
    #[arg(long, value_name = "URL", value_parser = server)]
    url: String,

    /// The user, as in `MOODLE_MLBACKEND_PYTHON_USERS`
    #[arg(long, value_name = "NAME")]
    user: String,

    /// Wait until the job ends, and show its progress
    #[arg(long, short, requires = "id", conflicts_with = "cancel")]
    watch: bool,

    /// Cancel the job, or remove its result if it has ended
    #[arg(long, requires = "id")]
    cancel: bool,

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// The id of a job, which becomes a part of an address.
fn id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected the 32 hexadecimal digits of an id".to_owned())
    }
}

/// What the server said.
enum Found {
    All(Vec<Job>),
    One(Job),
    Removed(String),
}

/// Asks the server and prints the answer.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_with(find(args), |found| {
        match found {
            Found::All(jobs) if args.json => {
                print_json(&jobs.iter().map(|job| &job.document).collect::<Vec<_>>());
            }
            Found::All(jobs) => print(&list(jobs)),
            Found::One(job) if args.json => print_json(&job.document),
            Found::One(job) => print(&details(job)),
            Found::Removed(id) if args.json => print_json(&serde_json::json!({ "id": id, "removed": true })),
            Found::Removed(_) => print(&"The job had ended; its result is removed."),
        }
        match found {
            Found::One(job) if !args.cancel && job.is_negative() => Exit::Negative,
            _ => Exit::Success,
        }
    })
}

fn find(args: &Args) -> Result<Found, JobsError> {
    let client = Client::new(&args.url, &args.user)?;
    match &args.id {
        None => client.list().map(Found::All),
        Some(id) if args.cancel => {
            Ok(client.cancel(id)?.map_or_else(|| Found::Removed(id.clone()), Found::One))
        }
        Some(id) if args.watch => watch(&client, id, args.quiet).map(Found::One),
        Some(id) => client.job(id, None).map(Found::One),
    }
}

/// Asks again and again until the job has ended.
fn watch(client: &Client, id: &str, quiet: Quiet) -> Result<Job, JobsError> {
    const SECONDS: u64 = 2;
    let bar = quiet.bar("  {msg:12} {bar:40.cyan} {percent:>3} %, {elapsed}");
    bar.set_length(100);
    loop {
        let job = client.job(id, Some(SECONDS))?;
        show(&bar, &job);
        if job.has_ended() {
            bar.finish_and_clear();
            return Ok(job);
        }
    }
}

fn show(bar: &ProgressBar, job: &Job) {
    bar.set_message(sanitized(job.phase().unwrap_or(job.state())));
    bar.set_position((job.fraction() * 100.0).round() as u64);
}

fn list(jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return "There are no asynchronous jobs.".to_owned();
    }
    let mut table = table(&["id", "operation", "model", "user", "state", "requested"]);
    for job in jobs {
        table.add_row([
            sanitized(job.text("id")),
            sanitized(job.text("operation")),
            model_path(job.text("uniqueid"), job.text("dirhash")),
            sanitized(job.text("user")),
            state(job),
            sanitized(job.text("requested")),
        ]);
    }
    table.to_string()
}

/// The state, with the progress of a running job.
fn state(job: &Job) -> String {
    match job.phase() {
        Some(phase) => {
            format!("{}, {} {:.0} %", sanitized(job.state()), sanitized(phase), job.fraction() * 100.0)
        }
        None => sanitized(job.state()),
    }
}

fn details(job: &Job) -> String {
    let result = job.document.get("result").map(ToString::to_string).unwrap_or_default();
    let rows = [
        ("id", job.text("id").to_owned()),
        ("operation", job.text("operation").to_owned()),
        ("model", format!("{}/{}", job.text("uniqueid"), job.text("dirhash"))),
        ("state", state(job)),
        ("requested", job.text("requested").to_owned()),
        ("ended", job.text("ended").to_owned()),
        ("error", job.text("error").to_owned()),
        ("result", result),
    ];
    let rows: Vec<_> = rows.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    key_value_table(&rows).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_becomes_part_of_an_address() {
        assert_eq!(id(&"A1".repeat(16)), Ok("a1".repeat(16)));
        for text in ["", "../version", &"a".repeat(31), &"g".repeat(32)] {
            assert!(id(text).is_err(), "{text}");
        }
    }
}
