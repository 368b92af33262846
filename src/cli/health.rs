//! `moodle-mlbackend health`: asks a running server whether it is ready.
//!
//! Owns the request and the exit code. Must not know what makes a server ready: its log says that.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args as _, Command};
use serde_json::json;
use ureq::Agent;

use super::exit_code::{Exit, exit_code};
use super::output::{print, print_json};
use crate::config::{CommandLine, Config, ConfigError, ServeArgs};

/// Check that a server is ready, for containers and scripts.
///
/// Exits with 0 when it is, and with 1 when it is not ready or does not respond. The server's log says why it is not ready.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server [default: the address that the settings name: that of the metrics, if there is one]. Without a path,
    /// /health/ready is requested.
    url: Option<String>,

    /// Seconds to wait for the response.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Why the server cannot be used.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error("{url} does not respond: {source}. Check that the server runs, and its address and port")]
    NoResponse { url: String, source: ureq::Error },
    #[error("{url} responds with status {status}: {}", if *.status == 503 { "not ready; the server's log says why" } else { "not a health check of this server" })]
    NotReady { url: String, status: u16 },
}

/// Asks and prints the result.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let answer = ask(args);
    if args.json {
        let problem = answer.as_ref().err().map(ToString::to_string);
        print_json(&json!({ "ready": answer.is_ok(), "url": answer.as_ref().ok(), "problem": problem }));
        return if answer.is_ok() { Exit::Success } else { Exit::Failure }.into();
    }
    exit_code(answer, |url| {
        print(&format!("{url}: ready"));
        true
    })
}

fn ask(args: &Args) -> Result<String, HealthError> {
    let url = match &args.url {
        Some(url) => with_path(url),
        None => with_path(&Config::health_url(&CommandLine::new(serve, Vec::new()))?),
    };
    let agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(args.timeout)))
        // The variables http_proxy and https_proxy are for connections to other machines.
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    match Agent::from(agent).get(&url).call() {
        Ok(response) if response.status().as_u16() == 200 => Ok(url),
        Ok(response) => Err(HealthError::NotReady { url, status: response.status().as_u16() }),
        Err(source) => Err(HealthError::NoResponse { url, source }),
    }
}

/// The settings of the server.
fn serve() -> Command {
    ServeArgs::augment_args(Command::new("serve"))
}

/// The URL itself if it has a path, otherwise that of the health check.
fn with_path(url: &str) -> String {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let authority_and_path = url.split_once("://").map_or("", |(_, rest)| rest);
    match authority_and_path.split_once('/') {
        Some((_, path)) if !path.is_empty() => url,
        _ => format!("{}/health/ready", url.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("http://127.0.0.1:5000", "http://127.0.0.1:5000/health/ready")]
    #[case("http://127.0.0.1:5000/", "http://127.0.0.1:5000/health/ready")]
    #[case("localhost:5000", "http://localhost:5000/health/ready")]
    #[case("[::1]:5000", "http://[::1]:5000/health/ready")]
    #[case("http://ml.example.org/moodle/healthz", "http://ml.example.org/moodle/healthz")]
    fn a_url_without_a_path_gets_that_of_the_health_check(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(with_path(url), expected);
    }
}
