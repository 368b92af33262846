//! `moodle-mlbackend demo`: the real server and a made-up Moodle, from nothing to a report.
//!
//! Owns the story and what must be true at each step. The server is asked over HTTP alone: the demo is
//! a client like any other and must not call `backend`.

mod moodle;
mod play;
mod score;
mod server;
mod shipped;
mod show;
pub mod students;

use std::path::Path;
use std::process::ExitCode;

use moodle::Moodle;
use server::Server;
use show::Show;
use students::Campus;

/// The user whom the demo's server knows.
const USER: &str = "demo";

/// Starts a server with nothing set up and plays Moodle against it.
///
/// Makes up students, some at risk of dropping out; trains, predicts, evaluates, exports, imports and
/// deletes over HTTP; shows how good the predictions are and where the report lies.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave the server running until Ctrl-C, and show how to point a Moodle site at it.
    #[arg(long)]
    keep: bool,

    /// How many samples to train with.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(500..=1_000_000))]
    samples: u32,

    /// Which made-up campus to use.
    #[arg(long, value_name = "S", default_value_t = 2_026)]
    seed: u64,
}

/// Why the demo did not end well.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("The demo's directory could not be used: {0}.")]
    Directory(#[source] std::io::Error),
    #[error("The server could not be started: {0}.")]
    Start(#[source] std::io::Error),
    #[error("The server ended by itself. Its last words:\n{0}")]
    Ended(String),
    #[error("The server did not say in time that it listens. Its last words:\n{0}")]
    Silent(String),
    #[error("{route} could not be asked: {cause}.")]
    Unreachable { route: &'static str, cause: ureq::Error },
    #[error("{route} answered {status}: {body}")]
    Refused { route: &'static str, status: u16, body: String },
    #[error("{0}")]
    Surprise(String),
    #[error("The system's source of randomness failed: {0}.")]
    Random(#[from] getrandom::Error),
}

/// Plays the story; the exit code says whether everything was as it must be.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    match in_a_directory(args) {
        Ok(End::Good) => ExitCode::SUCCESS,
        Ok(End::Interrupted) => {
            eprintln!("\nInterrupted; the server is stopped.");
            ExitCode::from(130) // what shells give a program that Ctrl-C ended
        }
        Err(error) => {
            eprintln!("\nThe demo failed. {error}");
            ExitCode::FAILURE
        }
    }
}

enum End {
    Good,
    Interrupted,
}

/// The directory outlives the demo, for people want to look at the report; what the server worked
/// with does not.
fn in_a_directory(args: &Args) -> Result<End, DemoError> {
    let made = tempfile::Builder::new().prefix("moodle-mlbackend-demo-").tempdir();
    let directory = made.map_err(DemoError::Directory)?.keep();
    let work = directory.join("work");
    std::fs::create_dir(&work).map_err(DemoError::Directory)?;
    let end = story(args, &directory, &work);
    if let Err(error) = std::fs::remove_dir_all(&work) {
        eprintln!("{} could not be removed: {error}.", work.display());
    }
    end
}

/// From the server's start to its end.
fn story(args: &Args, directory: &Path, work: &Path) -> Result<End, DemoError> {
    let password = super::passwd::generate()?;
    let mut show = Show::new(play::STEPS);
    show.say(&format!(
        "\n{}\n",
        show.strong("moodle-mlbackend demo: a Moodle site and its students at risk")
    ));
    let server = show.step("start the server", || {
        let server = Server::start(work, &directory.join("server.log"), &format!("{USER}:{password}"))?;
        let finding = show::Finding::new(&server.address, "listens, on loopback only");
        Ok((server, finding))
    })?;
    let moodle = Moodle::new(&server.address, USER, &password);
    let campus = Campus::new(args.seed);
    let played = play::play(&mut show, &moodle, &campus, args.samples as usize, directory);
    if server.interrupted() {
        return Ok(End::Interrupted);
    }
    if let Err(error) = played {
        eprintln!("\nThe server's last words:\n{}", server.last_words());
        return Err(error);
    }
    show.finish();
    where_to_look(&show, directory);
    if args.keep {
        how_to_use(&show, &server.address, &password);
        server.wait()?;
    }
    Ok(End::Good)
}

fn where_to_look(show: &Show, directory: &Path) {
    let report = directory.join("report");
    println!("The evaluation's report   {}", show.strong(&report.display().to_string()));
    println!("  its ROC curve           {}", report.join("roc-curve.png").display());
    println!("  its calibration         {}", report.join("calibration.png").display());
    println!("The datasets              {}", directory.join("datasets").display());
    println!("The server's log          {}", directory.join("server.log").display());
}

fn how_to_use(show: &Show, address: &str, password: &str) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    println!("\n{}", show.strong(&format!("The server keeps running at http://{address} until Ctrl-C.")));
    println!("In Moodle, Site administration > Plugins > Machine learning backends > Python:");
    for (setting, value) in [
        ("Use a server", "yes"),
        ("Host", host),
        ("Port", port),
        ("Use HTTPS", "no"),
        ("Username", USER),
        ("Password", password),
    ] {
        println!("  {setting:<14}{value}");
    }
    println!("and, under Analytics > Analytics settings, Python as the predictions processor.");
}
