//! What operators see: log lines on standard error or in the journal, metrics, the times of spans, and error reports.
//!
//! Owns the filter, the format and the writer of log lines, and the list of metrics. Must not know why something is logged
//! or counted.

#[cfg(feature = "sentry")]
mod error_reports;
mod journal;
mod lines;
mod log_writer;
pub(crate) mod metrics;
mod panic_hook;
pub(crate) mod request_id;
pub(crate) mod span_times;
pub(crate) mod switch;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Duration;

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::{DefaultFields, Format, JsonFields};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use journal::{JournalLayer, JournalSocket};
use lines::{JsonLines, TextFields, TextLines};
use log_writer::{Gathering, Log, LogWriter};
use span_times::SpanTimes;

/// The maximum number of queued lines, some 2 MiB. When the queue is full, further lines are dropped and counted.
const QUEUE_LINES: usize = 1 << 13;

/// How long lines wait for others under load.
const LONGEST_GATHERING: Duration = Duration::from_millis(200);

/// The same for the journal, which gives an entry the time when it comes.
const JOURNAL_GATHERING: Duration = Duration::from_millis(10);

/// The size of the buffer in front of standard error.
const BUFFER_BYTES: usize = 1 << 15;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
    /// Entries of systemd's journal.
    Journald,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogSettings<'a> {
    pub(crate) format: LogFormat,
    /// Log in more detail.
    pub(crate) debug: bool,
    /// The receiver of error reports.
    pub(crate) sentry_dsn: Option<&'a str>,
}

/// The running log and, with the feature `sentry`, the reports of its errors. Dropping it waits for a short time until all is
/// written and sent.
pub(crate) struct Telemetry {
    #[cfg(feature = "sentry")]
    _reports: Option<error_reports::ErrorReports>,
    _log: Log,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// There is no journal.
    #[error(
        "MOODLE_MLBACKEND_LOG_FORMAT is set to journald, but systemd's journal cannot be reached: set it to text or json, \
         for example, or make /run/systemd/journal/socket accessible"
    )]
    Journal(#[source] io::Error),
    /// The thread that writes lines cannot be started.
    #[error(
        "the log cannot be started: the system refuses another thread (check its limits of processes and memory)"
    )]
    Thread(#[source] io::Error),
}

/// Starts logging. A subscriber that is already set stays in place.
///
/// # Errors
/// See [`TelemetryError`].
pub(crate) fn start(settings: &LogSettings<'_>) -> Result<Telemetry, TelemetryError> {
    let out: Box<dyn Write + Send> = match settings.format {
        // The thread that writes flushes after all lines of its queue: they take one system call together.
        LogFormat::Text | LogFormat::Json => Box::new(BufWriter::with_capacity(BUFFER_BYTES, io::stderr())),
        LogFormat::Journald => Box::new(JournalSocket::open().map_err(TelemetryError::Journal)?),
    };
    let longest = if settings.format == LogFormat::Journald { JOURNAL_GATHERING } else { LONGEST_GATHERING };
    let gathering = Gathering { per_line: Duration::from_millis(10), longest };
    let (log, writer) = Log::start(out, QUEUE_LINES, gathering, |lines| {
        metrics::metrics().lines_dropped(lines);
        tracing::warn!(lines, "log lines were dropped: they could not be written fast enough");
    })
    .map_err(TelemetryError::Thread)?;
    #[cfg(feature = "sentry")]
    let reports = settings.sentry_dsn.and_then(error_reports::ErrorReports::start);
    match settings.format {
        LogFormat::Journald => install(JournalLayer::new(writer), settings),
        LogFormat::Json => {
            let lines = lines(writer).fmt_fields(JsonFields::new()).event_format(JsonLines);
            install(lines, settings);
        }
        LogFormat::Text => {
            let lines = lines(writer).with_ansi(io::stderr().is_terminal());
            install(lines.fmt_fields(TextFields).event_format(TextLines), settings);
        }
    }
    if settings.sentry_dsn.is_some() && !cfg!(feature = "sentry") {
        tracing::warn!(
            "MOODLE_MLBACKEND_SENTRY_DSN is ignored: this program was built without error reports (cargo build \
             --features sentry)"
        );
    }
    panic_hook::install(settings.debug);
    Ok(Telemetry {
        #[cfg(feature = "sentry")]
        _reports: reports,
        _log: log,
    })
}

/// Which lines are logged. The HTTP library logs malformed requests as errors; without `debug` those lines are off, because
/// otherwise any client could trigger alarms.
fn filter(debug: bool) -> Targets {
    let own = env!("CARGO_CRATE_NAME");
    if debug {
        return Targets::new().with_default(Level::INFO).with_target(own, Level::DEBUG);
    }
    let lines = Targets::new().with_default(Level::WARN).with_target(own, Level::INFO);
    lines.with_target("actix_http::h1", LevelFilter::OFF)
}

/// Lines on standard error, without a format.
fn lines(writer: LogWriter) -> fmt::Layer<Registry, DefaultFields, Format, LogWriter> {
    // A report about a failed write would go to the same writer and make the request fail.
    fmt::layer().with_writer(writer).log_internal_errors(false)
}

/// Makes the layer that encodes log lines, and the others, those of the process. Of the layer's own type, so that the calls from
/// layer to layer are inlined.
fn install<L>(lines: L, settings: &LogSettings<'_>)
where
    L: Layer<Registry> + Send + Sync,
{
    let filter = filter(settings.debug);
    #[cfg(feature = "monitoring-switch")]
    let filter = switch::measuring::Switchable(filter);
    let subscriber = tracing_subscriber::registry().with(lines).with(SpanTimes).with(filter);
    #[cfg(feature = "sentry")]
    let subscriber = subscriber.with(settings.sentry_dsn.map(|_| error_reports::ErrorReports::layer()));
    let _ = subscriber.try_init();
}
