//! `moodle-mlbackend check`: checks a data directory and repairs it.
//!
//! Owns the output. Must not know how the store works.

use std::process::ExitCode;

use super::data_directory::{DataDirectory, OpenError, end};
use super::table::{counted, table};
use crate::backend::check;
use crate::store::{Finding, Listing, Repair};

/// Checks every model of a data directory: the checksums of its files, whether it loads, and whether its stored samples
/// can be decoded. Exits with 1 when a problem remains.
///
/// This command is safe while a server is running.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDirectory,

    /// Repair what can be repaired: replace a damaged generation by the previous one and set it aside, and remove
    /// leftovers of crashes.
    #[arg(long)]
    repair: bool,
}

/// Checks and prints a table. Fails when a problem remains.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    end(examine(args), |(models, findings)| {
        print(*models, findings);
        wrong(findings) == 0
    })
}

/// The number of models, and the findings.
fn examine(args: &Args) -> Result<(usize, Vec<Finding>), OpenError> {
    let store = args.data.open("check", true)?;
    let mut findings = store.examine(args.repair)?;
    // `examine` has reported the unreadable ones.
    let Listing { models, .. } = store.model_dirs()?;
    let examined = models.len();
    for (id, hash, home) in models {
        let model = format!("{}/{}", id.as_str(), hash.as_str());
        match check(&home, args.repair) {
            Ok(found) => findings.extend(
                found
                    .into_iter()
                    .map(|finding| Finding { path: format!("{model}/{}", finding.path), ..finding }),
            ),
            Err(error) => findings.push(Finding::unreadable(model, error)),
        }
    }
    Ok((examined, findings))
}

fn wrong(findings: &[Finding]) -> usize {
    findings
        .iter()
        .filter(|finding| matches!(finding.repair, Repair::Possible(_) | Repair::Manual(_)))
        .count()
}

fn print(models: usize, findings: &[Finding]) {
    let mut table = table(&["place", "found", "what to do"]);
    for finding in findings {
        let remedy = match finding.repair {
            Repair::NotNeeded => "nothing; it is left alone".to_owned(),
            Repair::Possible(what) => format!("--repair: {what}"),
            Repair::Done(what) => format!("done: {what}"),
            Repair::Manual(what) => what.to_owned(),
        };
        table.add_row([&finding.path, &finding.problem, &remedy]);
    }
    if !findings.is_empty() {
        println!("{table}");
    }
    let mended = findings.iter().filter(|finding| matches!(finding.repair, Repair::Done(_))).count();
    let models = counted(models, "model");
    println!("{models} examined: {} wrong, {mended} mended.", wrong(findings));
}
