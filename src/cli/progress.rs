//! A progress bar for whoever watches a terminal.
//!
//! On standard error, and only when that is a terminal: Moodle reads what is printed elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far something is; it vanishes when dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Nothing is shown before something is done.
    pub(super) fn new(what: &'static str) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        let template = "  {msg} {bar:24.cyan/240} {pos} of {len} iterations, {elapsed}";
        // The template is a constant; were it wrong, indicatif's own look would do.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━╌"));
        }
        Self(bar)
    }

    /// `done` of `all`; from any thread.
    pub(super) fn show(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        // Threads may come to tell in another order than they were done.
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
