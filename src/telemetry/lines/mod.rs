//! The bytes of log lines, which are those of `tracing_subscriber`'s formats for less time.
//!
//! Its formats write each value through `Debug`, and parse the JSON of a span again for each line; that was two thirds of the
//! cost of a line. Owns how time, level, spans and fields are written. Must not know where lines go.

mod json;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub(super) use json::JsonLines;
pub(super) use text::{TextFields, TextLines};
