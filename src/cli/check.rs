//! `moodle-mlbackend check`: examines a data directory and mends it.
//!
//! Owns what is printed about it. Must not know how things are kept.

use std::process::ExitCode;

use super::data_directory::{DataDirectory, OpenError, end};
use super::table::{counted, table};
use crate::backend::check;
use crate::store::{Finding, Listing, Mended};

/// Examines every model of a data directory: its files by their checksums, whether it loads, and whether the
/// samples that it has learnt from can be decoded. Ends with 1 when something is wrong.
///
/// Works beside a running server.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDirectory,

    /// Mend what can be mended: fall back to the generation before a damaged one, which is set aside, and
    /// clear what crashes have left. Ends with 1 when something is wrong still.
    #[arg(long)]
    repair: bool,
}

/// Examines, shows a table, and fails when something is wrong.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    end(examine(args), |(models, findings)| {
        print(*models, findings);
        wrong(findings) == 0
    })
}

/// How many models there are, and what was found.
fn examine(args: &Args) -> Result<(usize, Vec<Finding>), OpenError> {
    let store = args.data.open("check", true)?;
    let mut findings = store.examine(args.repair)?;
    // What of it is unreadable was told of.
    let Listing { models, .. } = store.homes()?;
    let examined = models.len();
    for (id, hash, home) in models {
        let model = format!("{}/{}", id.as_str(), hash.as_str());
        match check(&home, args.repair) {
            Ok(found) => findings.extend(
                found
                    .into_iter()
                    .map(|finding| Finding { place: format!("{model}/{}", finding.place), ..finding }),
            ),
            Err(error) => findings.push(Finding::unreadable(model, error)),
        }
    }
    Ok((examined, findings))
}

fn wrong(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| matches!(finding.mended, Mended::Would(_) | Mended::Cannot(_))).count()
}

fn print(models: usize, findings: &[Finding]) {
    let mut table = table(&["place", "found", "what to do"]);
    for finding in findings {
        let remedy = match finding.mended {
            Mended::NoNeed => "nothing; it is left alone".to_owned(),
            Mended::Would(what) => format!("--repair: {what}"),
            Mended::Done(what) => format!("done: {what}"),
            Mended::Cannot(what) => what.to_owned(),
        };
        table.add_row([&finding.place, &finding.problem, &remedy]);
    }
    if !findings.is_empty() {
        println!("{table}");
    }
    let mended = findings.iter().filter(|finding| matches!(finding.mended, Mended::Done(_))).count();
    let models = counted(models, "model");
    println!("{models} examined: {} wrong, {mended} mended.", wrong(findings));
}
