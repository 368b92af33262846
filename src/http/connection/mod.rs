//! Connections: listening, TLS, and limits for clients that are slow, open many connections or send requests faster than
//! they read the responses.
//!
//! Must not know what a request means.

pub(crate) mod backpressure;
pub(crate) mod body_rate;
pub(crate) mod gated_stream;
pub(crate) mod guarded_stream;
pub(crate) mod listener;
pub(crate) mod new_connections;
mod other_protocol;
pub(crate) mod sockets;
pub(crate) mod tls;
