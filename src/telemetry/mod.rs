//! Log lines on stderr: which there are, and what they look like.

mod panic_hook;
mod queue;

use std::io::{self, IsTerminal};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use queue::Queue;

/// What is logged unless more is asked for. To the HTTP library, bytes that are no HTTP are an error: such a line
/// would let any stranger raise alarms.
const QUIET: &str = "warn,moodle_mlbackend=info,actix_http::h1=off";

/// How long the end of the process may wait for the last lines. Whoever reads them may stand still.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log, as long as it is held; its last lines are written when it is dropped.
pub(crate) struct Log(Queue);

impl Log {
    /// Writes what waits to be written, unless that takes too long.
    pub(crate) fn finish(&self) {
        self.0.flush(LAST_LINES);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Starts logging; a program that uses this library and has done so already keeps its own.
pub(crate) fn start(format: LogFormat, debug: bool) -> io::Result<Log> {
    let queue = Queue::start(io::stderr(), |lines| {
        tracing::warn!(lines, "log lines are lost: they could not be written, or not fast enough");
    })?;
    let writer = queue.clone();
    let filter = EnvFilter::new(if debug { "info,moodle_mlbackend=debug" } else { QUIET });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone());
    // The complaint about a line would go where the line could not go, and end the request.
    let lines = lines.log_internal_errors(false);
    let _ = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    panic_hook::log_them(debug, queue.clone());
    Ok(Log(queue))
}
