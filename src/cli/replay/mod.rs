//! `moodle-mlbackend replay`: sends a request that `MOODLE_ML_STASH_DIR` kept to a server again.
//!
//! Owns the arguments, the credentials and the output. Must not know what a request means.

mod error;
mod reply;
mod request;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use ureq::Agent;

use super::confirm::confirmed;
use super::exit_code::{Exit, exit_with};
use super::output::{Force, Output, print, print_json};
use super::progress::Quiet;
use super::table::sanitized;
use error::{PASSWORD, ReplayError};
use reply::{Comparison, Reply};
use request::StashedRequest;

pub(super) use request::basic;

/// Send a request that a server kept in `MOODLE_ML_STASH_DIR` again.
///
/// Shows status, time and body of the reply, and compares it with the recorded one, if --record stored one before: for example
/// before and after an update. The time of a run and its number (runid, dir) are not compared. The password comes from the
/// variable `MOODLE_MLBACKEND_REPLAY_PASSWORD` or is prompted for. Requests that change a model need --yes, or are asked for. Exits
/// with 3 when the reply differs, or without a recorded one when it is an error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  moodle-mlbackend replay stash/20261127T180000-4f2a --url http://127.0.0.1:5000 --user moodle --record
  moodle-mlbackend replay stash/20261127T180000-4f2a --url http://127.0.0.1:5001 --user moodle --json")]
pub struct Args {
    /// The directory of the request, which has a request.json
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The server, without TLS, such as `http://127.0.0.1:5000`
    #[arg(long, value_name = "URL", value_parser = server)]
    url: String,

    /// The user, as in `MOODLE_MLBACKEND_PYTHON_USERS`; without it, no credentials are sent
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Store the reply as reply.json beside the request, to compare later ones with it
    #[arg(long)]
    record: bool,

    /// Write the body of the reply to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    force: Force,

    /// Seconds to wait for the reply
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,

    /// Send a request that changes a model without asking
    #[arg(long, short)]
    yes: bool,

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// The address of a server.
pub(super) fn server(url: &str) -> Result<String, String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let Some((scheme, rest)) = url.split_once("://") else { return Err("expected a URL".to_owned()) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match scheme {
        _ if authority.is_empty() || rest.contains(['?', '#']) || rest.chars().any(char::is_whitespace) => {
            Err("expected the address of a server, such as http://127.0.0.1:5000".to_owned())
        }
        _ if authority.contains('@') => Err(format!(
            "the URL has credentials, which other users of this machine can read: use --user and the variable {PASSWORD}"
        )),
        "http" => Ok(url.trim_end_matches('/').to_owned()),
        "https" if cfg!(feature = "sentry") => Ok(url.trim_end_matches('/').to_owned()),
        "https" => {
            Err("this program has no TLS client: use the server's address behind the proxy".to_owned())
        }
        _ => Err("expected http://".to_owned()),
    }
}

/// A sent request.
struct Replayed {
    request: StashedRequest,
    reply: Reply,
    time: Duration,
    comparison: Option<Comparison>,
}

/// Sends the request and prints the reply.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_with(replay(args), |replayed| {
        if args.json {
            print_json(&document(replayed));
        } else {
            print(&text(replayed, args));
        }
        match &replayed.comparison {
            Some(Comparison::Same) => Exit::Success,
            None if replayed.reply.status < 400 => Exit::Success,
            Some(Comparison::Different(_)) | None => Exit::Negative,
        }
    })
}

fn replay(args: &Args) -> Result<Replayed, ReplayError> {
    let output = args.output.as_deref().map(Output::named);
    if let Some(output) = &output {
        output.check(args.force)?;
    }
    let request = StashedRequest::read(&args.directory)?;
    let recorded = Reply::recorded(&args.directory)?;
    if args.record && recorded.is_some() && !args.force.force {
        return Err(ReplayError::Recorded);
    }
    if request.changes_a_model() && !args.yes {
        let question = format!("{} changes a model of {}. Send it?", request.line(), args.url);
        match confirmed(&question) {
            Some(true) => {}
            Some(false) => return Err(ReplayError::Declined),
            None => return Err(ReplayError::NeedsYes(request.line())),
        }
    }
    let credentials =
        args.user.as_ref().map(|user| Ok::<_, ReplayError>((user, password(user)?))).transpose()?;
    let authorization = credentials.map(|(user, password)| request::basic(user, &password));
    let agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(args.timeout)))
        .timeout_connect(Some(Duration::from_secs(30)))
        // The variables http_proxy and https_proxy are for connections to other machines.
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("moodle-mlbackend replay ", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let spinner = args.quiet.spinner("waiting for the reply");
    let started = Instant::now();
    let reply = request.send(&agent, &args.url, authorization.as_deref())?;
    let time = started.elapsed();
    spinner.finish_and_clear();
    if let Some(output) = &output {
        output.write(args.force, &reply.body)?;
    }
    if args.record {
        reply.record(&args.directory, args.force)?;
    }
    let comparison = recorded.map(|recorded| recorded.compared(&reply));
    Ok(Replayed { request, reply, time, comparison })
}

/// From the variable, or prompted for.
fn password(user: &str) -> Result<String, ReplayError> {
    if let Some(password) = std::env::var_os(PASSWORD).filter(|password| !password.is_empty()) {
        return password.into_string().map_err(|_| ReplayError::PasswordText);
    }
    rpassword::prompt_password(format!("Password for {user}: "))
        .map_err(|source| ReplayError::NoPassword { source })
}

fn document(replayed: &Replayed) -> serde_json::Value {
    let Replayed { request, reply, time, comparison } = replayed;
    json!({
        "method": request.method,
        "route": request.route,
        "recorded_at": request.time,
        "status": reply.status,
        "content_type": reply.content_type,
        "seconds": time.as_secs_f64(),
        "bytes": reply.body.len(),
        "body": reply.text(),
        "same_as_recorded": comparison.as_ref().map(|comparison| *comparison == Comparison::Same),
        "differences": match comparison {
            Some(Comparison::Different(differences)) => differences.as_slice(),
            _ => &[],
        },
    })
}

fn text(replayed: &Replayed, args: &Args) -> String {
    let Replayed { request, reply, time, comparison } = replayed;
    let mut text = format!(
        "{}, recorded {}\nstatus {} in {:.3} s, {}, {} bytes\n",
        sanitized(&request.line()),
        sanitized(&request.time),
        reply.status,
        time.as_secs_f64(),
        sanitized(reply.content_type.as_deref().unwrap_or("no content type")),
        reply.body.len()
    );
    match (reply.text(), &args.output) {
        (_, Some(path)) => drop(writeln!(text, "Written: {}", path.display())),
        (Some(body), None) => drop(writeln!(text, "{}", sanitized(body.trim()))),
        (None, None) => text += "The body is binary: --output writes it to a file.\n",
    }
    match comparison {
        None if args.record => text += "Recorded as reply.json.",
        None => text += "There is no recorded reply to compare with (--record).",
        Some(Comparison::Same) => text += "The reply is the same as the recorded one.",
        Some(Comparison::Different(differences)) => {
            text += "The reply differs from the recorded one:";
            differences.iter().for_each(|difference| {
                let _ = write!(text, "\n- {}", sanitized(difference));
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.1:5000", "http://127.0.0.1:5000")]
    #[case("http://ml.example.org/moodle/", "http://ml.example.org/moodle")]
    fn accepts_the_address_of_a_server(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(server(url).as_deref(), Ok(expected));
    }

    #[rstest]
    fn refuses_credentials_and_other_things_in_the_address(
        #[values("http://a:b@127.0.0.1", "", "http://", "ftp://a", "http://a/?b", "http://a b")] url: &str,
    ) {
        assert!(server(url).is_err());
    }
}
