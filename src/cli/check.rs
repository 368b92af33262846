//! `moodle-mlbackend check`: checks a data directory and repairs it.
//!
//! Owns the output. Must not know what is checked: the store and [`crate::backend`] do.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::actor::operation;
use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::output::{print, print_json};
use super::progress::Quiet;
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

    #[command(flatten)]
    quiet: Quiet,

    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
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
    exit_code(check_all(args), |(models, findings)| {
        let remaining = findings.iter().filter(|finding| is_problem(finding)).count();
        if args.json {
            print_json(&document(*models, remaining, findings));
        } else {
            print_table(*models, remaining, findings);
        }
        remaining == 0
    })
}

/// The number of models, and the findings.
fn check_all(args: &Args) -> Result<(usize, Vec<Finding>), CheckError> {
    let store = args.data.open("check", true)?;
    if !args.repair {
        return find(&store, args);
    }
    let outcome = |result: &Result<_, _>| match result {
        Ok(_) => Outcome::ok(),
        Err(_) => Outcome::error(Verdict::Failed, "internal error"),
    };
    Trail::of(&store).run(operation(Operation::Repair), || find(&store, args), outcome)?
}

fn find(store: &Store, args: &Args) -> Result<(usize, Vec<Finding>), CheckError> {
    let mut findings = store.examine(args.repair)?;
    match audit::check(store) {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::unreadable(".mlbackend/audit", error)),
    }
    // `examine` has reported unreadable models.
    let Listing { models, .. } = store.model_dirs()?;
    let count = models.len();
    let bar = args.quiet.bar("  checking {bar:24.cyan/240} {pos} of {len} models, {elapsed}");
    bar.set_length(count as u64);
    for (id, hash, model_dir) in bar.wrap_iter(models.into_iter()) {
        let model = format!("{}/{}", id.as_str(), hash.as_str());
        match check(&model_dir, args.repair) {
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

fn is_problem(finding: &Finding) -> bool {
    matches!(finding.repair, Repair::Possible(_) | Repair::Manual(_))
}

fn document(models: usize, problems: usize, findings: &[Finding]) -> Value {
    let finding = |finding: &Finding| {
        let (state, remedy) = match finding.repair {
            Repair::NotNeeded => ("harmless", None),
            Repair::Possible(remedy) => ("repairable", Some(remedy)),
            Repair::Done(remedy) => ("repaired", Some(remedy)),
            Repair::Manual(remedy) => ("manual", Some(remedy)),
        };
        json!({ "path": finding.path, "problem": finding.problem, "state": state, "remedy": remedy })
    };
    let findings: Vec<Value> = findings.iter().map(finding).collect();
    json!({ "models": models, "problems": problems, "findings": findings })
}

fn print_table(models: usize, remaining: usize, findings: &[Finding]) {
    let mut table = table(&["path", "problem", "remedy"]);
    let mut repaired = 0;
    for finding in findings {
        let remedy = match finding.repair {
            Repair::NotNeeded => "none is needed".to_owned(),
            Repair::Possible(remedy) => format!("--repair: {remedy}"),
            Repair::Done(remedy) => format!("done: {remedy}"),
            Repair::Manual(remedy) => remedy.to_owned(),
        };
        repaired += usize::from(matches!(finding.repair, Repair::Done(_)));
        table.add_row([&finding.path, &finding.problem, &remedy]);
    }
    if !findings.is_empty() {
        print(&table);
    }
    let (models, problems) = (counted(models, "model"), counted(remaining, "problem"));
    print(&format!("{models} checked: {problems}, {repaired} repaired."));
}
