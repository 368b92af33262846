//! A progress bar on standard error, only when that is a terminal: Moodle parses the other output.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar; it disappears when dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar that appears with the first progress.
    pub(super) fn new(what: &'static str) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        let template = "  {msg} {bar:24.cyan/240} {pos} of {len} iterations, {elapsed}";
        // The template is a constant; if it were invalid, the default style would do.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━╌"));
        }
        Self(bar)
    }

    /// Shows `done` of `all`; can be called from any thread.
    pub(super) fn show(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        // Threads may report out of order.
        if done as u64 > self.0.position() {
            self.0.set_position(done as u64);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
