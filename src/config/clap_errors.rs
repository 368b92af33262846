//! Error messages about invalid flags and variables.
//!
//! Must not know which settings exist.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Clap's own text and, for an invalid value, the environment variable that it may have come from: clap names only
/// the flag, which does not help when a unit file sets the variable.
#[must_use]
pub fn explain(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let Some(flag) = invalid_flag(error) else { return text };
    let variable = format!("MOODLE_MLBACKEND_{}", flag.to_ascii_uppercase().replace('-', "_"));
    format!(
        "{}\n\nIf --{flag} was not given, the value came from the environment variable {variable}: change it there.\n",
        text.trim_end()
    )
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
