//! Error reports in Sentry's protocol: each log line of the level ERROR becomes one.
//!
//! Owns the client and how reports are sent: by a thread, behind a short queue, so that a slow receiver delays nothing. Must
//! not know which errors there are. A report has the fields of the log line and no others: no address of a client, no
//! machine's name, no environment. The crate `sentry` has transports of its own, but they bring a second HTTP client and
//! runtime; ureq is here already.

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sentry_core::types::Dsn;
use sentry_core::{Client, ClientOptions, Envelope, Hub, Transport, TransportFactory, TransportOptions};
use sentry_tracing::ErrorLayer;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;

/// Reports that wait; further ones are dropped, since many at once have one cause.
const QUEUE: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of the process waits for reports.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after a response that asks for one without saying how long.
const USUAL_PAUSE: Duration = Duration::from_mins(1);

/// Sends reports until it is dropped.
pub(super) struct ErrorReports(Arc<Client>);

impl ErrorReports {
    /// Starts sending to this DSN; `None`, with a line on standard error, if it is invalid. Call it before other threads log.
    pub(super) fn start(dsn: &str) -> Option<Self> {
        let dsn: Dsn = match dsn.parse() {
            Ok(dsn) => dsn,
            Err(error) => {
                // The log is not there yet, and standard error may be closed.
                let _ = writeln!(
                    io::stderr(),
                    "moodle-mlbackend: MOODLE_MLBACKEND_SENTRY_DSN cannot be used ({error}): errors are not reported"
                );
                return None;
            }
        };
        let mut options = ClientOptions::new()
            .release(concat!(env!("CARGO_PKG_NAME"), "@", env!("CARGO_PKG_VERSION")))
            .default_integrations(false)
            .max_breadcrumbs(0)
            .send_default_pii(false)
            .transport(Factory);
        options.dsn = Some(dsn);
        let client = Arc::new(Client::from(options));
        Hub::main().bind_client(Some(Arc::clone(&client)));
        Some(Self(client))
    }

    /// Makes reports of log lines.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
        ErrorLayer::new().with_filter(LevelFilter::ERROR)
    }
}

impl Drop for ErrorReports {
    fn drop(&mut self) {
        self.0.close(Some(FLUSH_TIMEOUT));
    }
}

struct Factory;

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        Arc::new(Sender::start(options.dsn))
    }
}

enum Message {
    Report(Box<Envelope>),
    /// Answered when all reports before it were sent.
    Flush(SyncSender<()>),
}

/// Hands reports to the thread that sends them.
struct Sender(Mutex<SyncSender<Message>>);

impl Sender {
    fn start(dsn: Dsn) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        // Without a thread, the queue fills up and reports are dropped.
        let _ =
            thread::Builder::new().name("error-reports".to_owned()).spawn(move || send_all(&dsn, &receiver));
        Self(Mutex::new(sender))
    }

    fn send(&self, message: Message) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).try_send(message).is_ok()
    }
}

impl Transport for Sender {
    fn send_envelope(&self, envelope: Envelope) {
        let _ = self.send(Message::Report(Box::new(envelope)));
    }

    fn flush(&self, timeout: Duration) -> bool {
        let (sender, flushed) = sync_channel(1);
        self.send(Message::Flush(sender))
            && !matches!(flushed.recv_timeout(timeout), Err(RecvTimeoutError::Timeout))
    }
}

fn send_all(dsn: &Dsn, messages: &Receiver<Message>) {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let agent = ureq::Agent::from(agent);
    let mut paused_until = Instant::now();
    while let Ok(message) = messages.recv() {
        match message {
            Message::Report(envelope) if Instant::now() >= paused_until => match send(&agent, dsn, &envelope)
            {
                Ok(pause) => paused_until = Instant::now() + pause,
                // No more than a warning: an error would be reported in turn.
                Err(error) => tracing::warn!(%error, "an error report could not be sent"),
            },
            Message::Report(_) => {}
            Message::Flush(flushed) => drop(flushed.send(())),
        }
    }
}

/// Sends a report; returns how long the receiver wants no further ones.
fn send(agent: &ureq::Agent, dsn: &Dsn, envelope: &Envelope) -> io::Result<Duration> {
    let mut body = Vec::new();
    envelope.to_writer(&mut body)?;
    let client = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let request = agent
        .post(dsn.envelope_api_url().as_str())
        .header("X-Sentry-Auth", dsn.to_auth(Some(client)).to_string())
        .header("Content-Type", "application/x-sentry-envelope");
    // The error of a request names the receiver, and its URL has no key.
    let response = request.send(&body[..]).map_err(io::Error::other)?;
    match response.status().as_u16() {
        200..=299 => Ok(Duration::ZERO),
        429 => {
            let seconds =
                response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            Ok(seconds.map_or(USUAL_PAUSE, Duration::from_secs))
        }
        status => Err(io::Error::other(format!("the receiver responds with status {status}"))),
    }
}
