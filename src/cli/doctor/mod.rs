//! `moodle-mlbackend doctor`: checks an installation as an administrator would.
//!
//! Owns which checks run. Must not know how one is made: `local` checks the server's machine, `remote` an address, and `site` a
//! Moodle. Changes nothing.

mod checks;
mod environment;
mod finding;
mod local;
mod probe;
mod read_timeout;
mod remote;
mod site;
mod tls;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as _;

use super::moodle::{Moodle, MoodleError, PhpArgs};
use super::output::print;
use crate::config::{CommandLine, Config, ServeArgs};
use finding::{Finding, Level};
use probe::{Login, Target};

/// Check an installation: the server, its proxy, and Moodle.
///
/// Prints a line for each check, green, yellow or red, with the remedy. Exits with 1 if a line is red. Run it as root on the server's
/// machine, to check its settings and files; with --moodle on Moodle's machine; and with --url anywhere.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check the Moodle in this folder, which has its config.php.
    #[arg(long, value_name = "DIR")]
    moodle: Option<PathBuf>,

    /// Check the server at this address, such as <https://mlbackend.example.org> [default: that of Moodle's settings, or that of
    /// the server's settings].
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    url: Option<Target>,

    /// Log in as this user to measure the proxy's read timeout [default: Moodle's user, if Moodle uses this address and it is
    /// not this machine's own]. The password is asked for, or is the first line of standard input.
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The file with the variables of the service, if it exists.
    #[arg(long, value_name = "FILE", default_value = environment::DEFAULT)]
    environment_file: PathBuf,

    #[command(flatten)]
    php: PhpArgs,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Checks everything. Fails when Moodle could not use the server.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    if let Some(code) = environment::restart_with(&args.environment_file) {
        return code;
    }
    let findings = match examine(args) {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("{}.", error.to_string().trim_end_matches('.'));
            return ExitCode::FAILURE;
        }
    };
    if args.json {
        print(&finding::as_json(&findings));
    } else {
        finding::print(&findings);
    }
    if finding::worst(&findings) == Level::Red { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
enum DoctorError {
    #[error(transparent)]
    Moodle(#[from] MoodleError),
    #[error("the password cannot be read: {0}")]
    Password(#[from] std::io::Error),
}

fn examine(args: &Args) -> Result<Vec<Finding>, DoctorError> {
    let moodle = args.moodle.as_deref().map(|directory| Moodle::at(directory, &args.php)).transpose()?;
    let only_elsewhere = (moodle.is_some() || args.url.is_some()) && !local::is_here();
    let mut findings = if only_elsewhere { Vec::new() } else { local::examine() };
    findings.extend(local::selinux());
    let site = moodle.as_ref().map(site::Site::read).transpose()?;
    let target = args.url.clone().or_else(|| site.as_ref()?.target()).or_else(own_address);
    match &target {
        Some(target) => {
            let password = args.user.as_deref().map(password_of).transpose()?;
            let given = args.user.as_deref().zip(password.as_deref());
            let login = match given.map(|(user, password)| Login { user, password }) {
                None => site.as_ref().and_then(|site| site.login_at(target)),
                given => given,
            };
            findings.extend(remote::examine(target, login));
        }
        None => findings.push(Finding::yellow(
            &checks::SERVER,
            "the settings name no address of plain HTTP: give the server's address with --url",
        )),
    }
    if let (Some(moodle), Some(site)) = (&moodle, &site) {
        findings.extend(site.examine(moodle, target.as_ref()));
    }
    Ok(findings)
}

/// Asks for the password of a user, or reads the first line of standard input.
fn password_of(user: &str) -> std::io::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return rpassword::prompt_password(format!("Password for {user}: "));
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The address in the settings of the server.
fn own_address() -> Option<Target> {
    let line = CommandLine::new(|| ServeArgs::augment_args(clap::Command::new("serve")), Vec::new());
    Target::parse(&Config::main_url(&line).ok()?).ok()
}
