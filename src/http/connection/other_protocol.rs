//! Clients that speak TLS to a port for plain HTTP, or plain HTTP to a port for TLS: a log line, and a response to the
//! latter.
//!
//! Must not know what happens to the connection otherwise: the HTTP library refuses the former.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt};

/// The minimum time between two lines: any client can cause them.
const INTERVAL: Duration = Duration::from_secs(10);

/// The response to plain HTTP: Moodle shows its body.
const NO_TLS: &str = "This port serves HTTPS: tick \"Use HTTPS\" in Moodle's settings of the backend.";

/// Log lines that any client can cause, at most one in [`INTERVAL`].
pub(super) struct SeldomLine(Mutex<Option<Instant>>);

impl SeldomLine {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether a line may be logged now.
    pub(super) fn is_due(&self) -> bool {
        let now = Instant::now();
        // With a poisoned lock another thread is logging.
        let Ok(mut last) = self.0.lock() else { return false };
        let is_due = last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// Whether these are the first bytes of a TLS handshake: its record type and major version (RFC 8446, section 5.1).
fn is_tls(start: &[u8]) -> bool {
    start.starts_with(&[0x16, 0x03])
}

/// Logs a line if a connection starts with TLS.
pub(super) fn warn_about_tls(start: &[u8]) {
    static LINE: SeldomLine = SeldomLine::new();
    if is_tls(start) && LINE.is_due() {
        tracing::warn!(
            "a client uses HTTPS on this port, which serves plain HTTP: untick \"Use HTTPS\" in Moodle, or give it the \
             port of a proxy with HTTPS"
        );
    }
}

/// Whether a connection starts like the method of a plain request; a TLS record starts with a control character.
pub(super) fn is_plain_http(start: u8) -> bool {
    start.is_ascii_uppercase()
}

/// Logs a line about plain HTTP on a port for TLS, and responds to it.
pub(super) async fn refuse_plain_http(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    static LINE: SeldomLine = SeldomLine::new();
    if LINE.is_due() {
        tracing::warn!(
            "a client uses plain HTTP on this port, which serves HTTPS: tick \"Use HTTPS\" in Moodle"
        );
    }
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close";
    let response = format!("{head}\r\nContent-Length: {}\r\n\r\n{NO_TLS}", NO_TLS.len());
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}
