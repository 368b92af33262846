//! Connections: listening, and the guards against clients that are slow, many or ahead of their answers.
//!
//! Must not know what a request is about.

pub(crate) mod backpressure;
pub(crate) mod body_rate;
pub(crate) mod guarded_stream;
pub(crate) mod listener;
