//! A log line about clients that speak TLS to the plain port.
//!
//! Must not know what happens to the connection: the HTTP library refuses it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The minimum time between two lines: any client can cause them.
const INTERVAL: Duration = Duration::from_secs(10);

static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// Whether these are the first bytes of a TLS handshake: its record type and major version (RFC 8446, section 5.1).
fn is_tls(start: &[u8]) -> bool {
    start.starts_with(&[0x16, 0x03])
}

/// Logs a line if a connection starts with TLS.
pub(super) fn warn_about_tls(start: &[u8]) {
    if !is_tls(start) {
        return;
    }
    let now = Instant::now();
    // With a poisoned lock another thread is logging.
    let Ok(mut last) = LAST.lock() else { return };
    if last.is_none_or(|last| now.duration_since(last) >= INTERVAL) {
        *last = Some(now);
        tracing::warn!(
            "a client uses HTTPS on this port, which serves plain HTTP: untick \"Use HTTPS\" in Moodle, or give it the \
             port of a proxy with HTTPS"
        );
    }
}
