//! Log lines on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// What is logged unless more is asked for. To the HTTP library, bytes that are no HTTP are an error: such a line
/// would let any stranger raise alarms.
const QUIET: &str = "warn,moodle_mlbackend=info,actix_http::h1=off";

/// Starts logging; does nothing when a program that uses this library has done so already.
pub(super) fn start(format: LogFormat, debug: bool) {
    let filter = EnvFilter::new(if debug { "info,moodle_mlbackend=debug" } else { QUIET });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let _ = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
