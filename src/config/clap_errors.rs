//! Error messages about invalid flags and variables.
//!
//! Must not know which settings exist.

use std::error::Error as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Clap's own text and, for an invalid value, the environment variable that it may have come from: clap names only
/// the flag, which does not help when a unit file sets the variable.
#[must_use]
pub fn explain(error: &clap::Error, program: &Command) -> String {
    let text = hidden(error);
    let Some(flag) = invalid_flag(error) else { return text };
    let mut arguments = program.get_subcommands().flat_map(Command::get_arguments);
    let argument = arguments.find(|argument| argument.get_long() == Some(flag));
    let Some(variable) = argument.and_then(|argument| argument.get_env()?.to_str()) else { return text };
    format!(
        "{}\n\nIf --{flag} was not given, the value came from the environment variable {variable}: change it there.\n",
        text.trim_end()
    )
}

/// Clap's own text, without the value if that is a URL: a part of it may be a password.
fn hidden(error: &clap::Error) -> String {
    let text = error.render().to_string();
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.contains("://") => {
            text.replacen(value.as_str(), "(hidden)", 1)
        }
        _ => text,
    }
}

/// The problem with a value, without the value.
pub(super) fn problem(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!("expected one of {}", values.join(", "))
        }
        _ => "the value cannot be used".to_owned(),
    }
}

/// The name of the flag whose value is invalid.
fn invalid_flag(error: &clap::Error) -> Option<&str> {
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(argument) => argument.split_whitespace().next()?.strip_prefix("--"),
        _ => None,
    }
}
