//! Logging to stderr.
//!
//! Owns the filter, the format and the writer of log lines. Must not know what is logged.

mod log_writer;
pub(crate) mod metrics;
mod panic_hook;
pub(crate) mod span_times;

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use log_writer::Log;
use span_times::SpanTimes;

/// The default filter. The HTTP library logs malformed requests as errors; those lines are off, because otherwise any
/// client could trigger alarms.
const DEFAULT_FILTER: &str = "warn,moodle_mlbackend=info,actix_http::h1=off";
const DEBUG_FILTER: &str = "info,moodle_mlbackend=debug";

/// The maximum number of queued lines, some 2 MiB. When the queue is full, further lines are dropped and counted.
const QUEUE_LINES: usize = 1 << 13;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging. A subscriber that is already set stays in place.
pub(crate) fn start(format: LogFormat, debug: bool) -> Log {
    let (log, writer) = Log::start(io::stderr(), QUEUE_LINES, |lines| {
        metrics::metrics().lines_dropped(lines);
        tracing::warn!(lines, "log lines were dropped: they could not be written fast enough");
    });
    let filter = EnvFilter::new(if debug { DEBUG_FILTER } else { DEFAULT_FILTER });
    // A report about a failed write would go to the same writer and make the request fail.
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let _ = tracing_subscriber::registry().with(lines).with(SpanTimes).with(filter).try_init();
    panic_hook::install(debug);
    log
}
