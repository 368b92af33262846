//! What the command line says about flags that cannot be used.

use clap::error::{ContextKind, ContextValue};

/// Clap's own text, and for a bad value the environment variable that it may have come from: clap
/// names the flag alone, which helps nobody whose unit file sets the variable.
#[must_use]
pub fn explain(error: &clap::Error) -> String {
    let text = error.render().to_string();
    match variable(error) {
        Some(name) => {
            let flag = name.trim_start_matches("MOODLE_MLBACKEND_").to_ascii_lowercase().replace('_', "-");
            format!(
                "{}\n\nIf --{flag} was not given, the value came from the environment variable {name}: change it there.\n",
                text.trim_end()
            )
        }
        None => text,
    }
}

fn variable(error: &clap::Error) -> Option<String> {
    let given = matches!(
        error.kind(),
        clap::error::ErrorKind::InvalidValue | clap::error::ErrorKind::ValueValidation
    );
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if given => {
            let flag = argument.split_whitespace().next()?.strip_prefix("--")?;
            Some(format!("MOODLE_MLBACKEND_{}", flag.to_ascii_uppercase().replace('-', "_")))
        }
        _ => None,
    }
}
