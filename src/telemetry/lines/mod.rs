//! The bytes of log lines, which are those of `tracing_subscriber`'s formats for less time.
//!
//! Its formats write each value through `Debug`, and parse the JSON of a span again for each line; that was two thirds of the
//! cost of a line. Owns how time, level, spans and fields are written. Must not know where lines go.

mod json;
#[cfg(test)]
mod tests;
mod text;
mod time;

use std::cell::Cell;
use std::fmt;

use tracing_subscriber::fmt::format::Writer;

pub(super) use json::JsonLines;
pub(super) use text::{TextFields, TextLines};

/// The memory that a thread keeps for its next line, in bytes; most lines need less.
const KEPT_CAPACITY: usize = 1 << 12;

thread_local! {
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes what `fill` pushes to an empty line.
fn write_line(writer: &mut Writer<'_>, fill: impl FnOnce(&mut String)) -> fmt::Result {
    // If a value logs while it is formatted, that line is a new one.
    let mut line = LINE.take();
    fill(&mut line);
    let result = writer.write_str(&line);
    if line.capacity() <= KEPT_CAPACITY {
        line.clear();
        LINE.set(line);
    }
    result
}
