//! `moodle-mlbackend check`: checks a data directory and repairs it.
//!
//! Owns the output. Must not know what is checked: the store and [`crate::backend`] do.

use std::process::ExitCode;

use super::actor::operation;
use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::table::{counted, table};
use crate::audit::{self, AuditError, Operation, Outcome, Trail, Verdict};
use crate::backend::check;
use crate::store::{Finding, Listing, Repair, Store, StoreError};

/// Check the models of a data directory, and repair damage.
///
/// Verifies the checksums of each model's files, whether it loads, and whether its stored samples can be read. Exits with
/// 1 when a problem remains. This command is safe while a server is running.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDirectory,

    /// Repair what can be repaired: use the previous version of a model whose current one is damaged, keep the
    /// damaged files aside, and remove files that a crash left behind.
    #[arg(long)]
    repair: bool,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Checks and prints a table. Fails when a problem remains.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    exit_code(check_all(args), |(models, findings)| print(*models, findings))
}

/// The number of models, and the findings.
fn check_all(args: &Args) -> Result<(usize, Vec<Finding>), CheckError> {
    let store = args.data.open("check", true)?;
    if !args.repair {
        return find(&store, false);
    }
    let outcome = |result: &Result<_, _>| match result {
        Ok(_) => Outcome::ok(),
        Err(_) => Outcome::error(Verdict::Failed, "internal error"),
    };
    Trail::of(&store).run(operation(Operation::Repair), || find(&store, true), outcome)?
}

fn find(store: &Store, repair: bool) -> Result<(usize, Vec<Finding>), CheckError> {
    let mut findings = store.examine(repair)?;
    match audit::check(store) {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::unreadable(".mlbackend/audit", error)),
    }
    // `examine` has reported unreadable models.
    let Listing { models, .. } = store.model_dirs()?;
    let count = models.len();
    for (id, hash, model_dir) in models {
        let model = format!("{}/{}", id.as_str(), hash.as_str());
        match check(&model_dir, repair) {
            Ok(found) => findings.extend(
                found
                    .into_iter()
                    .map(|finding| Finding { path: format!("{model}/{}", finding.path), ..finding }),
            ),
            Err(error) => findings.push(Finding::unreadable(model, error)),
        }
    }
    Ok((count, findings))
}

/// Returns whether no problem remains.
fn print(models: usize, findings: &[Finding]) -> bool {
    let mut table = table(&["path", "problem", "remedy"]);
    let (mut remaining, mut repaired) = (0, 0);
    for finding in findings {
        let remedy = match finding.repair {
            Repair::NotNeeded => "none is needed".to_owned(),
            Repair::Possible(remedy) => format!("--repair: {remedy}"),
            Repair::Done(remedy) => format!("done: {remedy}"),
            Repair::Manual(remedy) => remedy.to_owned(),
        };
        remaining += usize::from(matches!(finding.repair, Repair::Possible(_) | Repair::Manual(_)));
        repaired += usize::from(matches!(finding.repair, Repair::Done(_)));
        table.add_row([&finding.path, &finding.problem, &remedy]);
    }
    if !findings.is_empty() {
        println!("{table}");
    }
    let (models, problems) = (counted(models, "model"), counted(remaining, "problem"));
    println!("{models} checked: {problems}, {repaired} repaired.");
    remaining == 0
}
