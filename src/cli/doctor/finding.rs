//! What `doctor` has found, and how it is printed.
//!
//! Must not know how it was found.

use std::io::IsTerminal as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::checks::Check;
use crate::cli::output;

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Nothing to do.
    Green,
    /// It could not be checked, or works now but not for long.
    Yellow,
    /// Moodle cannot use the server.
    Red,
}

/// The result of a check.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) check: &'static Check,
    pub(super) level: Level,
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn green(check: &'static Check, detail: impl Into<String>) -> Self {
        Self { check, level: Level::Green, detail: detail.into() }
    }

    pub(super) fn yellow(check: &'static Check, detail: impl Into<String>) -> Self {
        Self { check, level: Level::Yellow, detail: detail.into() }
    }

    pub(super) fn red(check: &'static Check, detail: impl Into<String>) -> Self {
        Self { check, level: Level::Red, detail: detail.into() }
    }
}

/// An object with an entry for each finding.
pub(super) fn as_json(findings: &[Finding]) -> Value {
    let entry = |finding: &Finding| {
        let mut entry = json!({
            "check": finding.check.name,
            "level": finding.level,
            "detail": finding.detail,
        });
        if finding.level != Level::Green {
            entry["remedy"] = json!(finding.check.remedy);
        }
        entry
    };
    json!({ "worst": worst(findings), "checks": findings.iter().map(entry).collect::<Vec<_>>() })
}

/// The worst level of all findings.
pub(super) fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Green)
}

/// One line for each finding, and a second one with the remedy.
pub(super) fn print(findings: &[Finding]) {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for Finding { check, level, detail } in findings {
        let (word, colour) = match level {
            Level::Green => ("green", 32),
            Level::Yellow => ("yellow", 33),
            Level::Red => ("red", 31),
        };
        let word = format!("{word:<6}");
        let word = if colours { format!("\x1b[{colour}m{word}\x1b[0m") } else { word };
        output::print(&format!("{word}  {}: {}", check.name, super::super::table::sanitized(detail)));
        if *level != Level::Green {
            output::print(&format!("        remedy: {}", check.remedy));
        }
    }
}
