//! `moodle-mlbackend man`: the manual pages of this program, one for each command.
//!
//! Must not know any command: the pages are made of clap's definitions.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Cli;
use super::output::write_stdout;

/// Write the manual pages of this program.
///
/// Without a directory the main page is printed. With one, such as /usr/local/share/man/man1, the page of each command is
/// written into it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to write moodle-mlbackend.1 and a page for each command into
    directory: Option<PathBuf>,
}

/// Writes the pages. Fails when a page cannot be written.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let written = match &args.directory {
        None => page(Cli::command()).and_then(|page| write_stdout(&page)),
        Some(directory) => clap_mangen::generate_to(Cli::command(), directory),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The manual pages could not be written: {error}.");
            ExitCode::FAILURE
        }
    }
}

/// A page in the language of `man`.
fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}
