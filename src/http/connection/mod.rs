//! Connections: listening, and limits for clients that are slow, open many connections or send requests faster than
//! they read the responses.
//!
//! Must not know what a request means.

pub(crate) mod backpressure;
pub(crate) mod body_rate;
pub(crate) mod guarded_stream;
pub(crate) mod listener;
mod plain_http;
