//! The variables of the service, which `doctor` needs to see what the service sees.
//!
//! Owns reading systemd's file of variables. Must not know what a variable means.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::fs::read_small;

/// The file that the systemd unit names.
pub(super) const DEFAULT: &str = "/etc/moodle-mlbackend/environment";

/// Set in the process that has the variables.
const RESTARTED: &str = "MLBACKEND_DOCTOR_ENVIRONMENT";

/// What the systemd unit sets.
const DATA_DIR: (&str, &str) = ("MOODLE_MLBACKEND_PYTHON_DIR", "/var/lib/moodle-mlbackend");

/// Far longer than any file of variables.
const MAX_BYTES: u64 = 1 << 20;

/// Runs this command again with the variables of the file, and returns its exit code. Returns `None` if this is that process, or if
/// this user cannot read the file. Variables that are set already have precedence.
pub(super) fn restart_with(file: &Path) -> Option<ExitCode> {
    if std::env::var_os(RESTARTED).is_some() {
        return None;
    }
    let text = String::from_utf8(read_small(file, MAX_BYTES).ok()?).ok()?;
    let mut variables = vec![(DATA_DIR.0.to_owned(), DATA_DIR.1.to_owned())];
    variables.extend(parse(&text));
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(std::env::args_os().skip(1)).env(RESTARTED, "1");
    for (name, value) in &variables {
        if std::env::var_os(name).as_deref().unwrap_or(OsStr::new("")).is_empty() {
            command.env(name, value);
        }
    }
    let status = command.status().ok()?;
    Some(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The variables, in systemd's form: one per line, with or without quotes.
fn parse(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    lines
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let value = value.trim();
            let quoted =
                ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            Some((name.trim().to_owned(), quoted.unwrap_or(value).to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_the_form_that_systemd_reads() {
        let text = "# comment\nA=1\n B = \"two words\" \nC='x=y'\nnonsense\n;D=4\n";
        let expected = [("A", "1"), ("B", "two words"), ("C", "x=y")];
        assert_eq!(parse(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
