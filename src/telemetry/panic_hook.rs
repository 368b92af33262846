//! A panic is a line of the log like any other, whether or not it is caught.

use std::panic;
use std::thread;

use super::LAST_LINES;
use super::queue::{Queue, WRITER};

/// From now on, a panic of any thread is logged, and no trace of it is printed. Where in the program it happened
/// is said to those who asked for more.
pub(crate) fn log_them(debug: bool, queue: Queue) {
    panic::set_hook(Box::new(move |panic| {
        let what = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().filter(|_| debug).map(tracing::field::display);
        tracing::error!(what, place, "a part of the program gave up");
        // It may be the end of the process. Who writes the lines must not wait for itself.
        if thread::current().name() != Some(WRITER) {
            queue.flush(LAST_LINES);
        }
    }));
}
