//! Log lines on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// Starts logging; does nothing when a program that uses this library has done so already.
pub(super) fn start(format: LogFormat, debug: bool) {
    let filter =
        EnvFilter::new(if debug { "info,moodle_mlbackend=debug" } else { "warn,moodle_mlbackend=info" });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let _ = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
