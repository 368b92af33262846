//! Logs panics, caught or not.
//!
//! Must not know what happens after a panic.

use std::panic;

/// Logs the panics of all threads from now on, without a backtrace; the location only with `debug`.
///
/// The hook does not wait until the line is written. A panic of the main thread drops [`super::Log`], which waits; no
/// other panic ends the process.
pub(crate) fn install(debug: bool) {
    panic::set_hook(Box::new(move |panic| {
        let reason = panic.payload_as_str().unwrap_or("no message");
        let location = panic.location().filter(|_| debug).map(tracing::field::display);
        tracing::error!(reason, location, "panic");
    }));
}
