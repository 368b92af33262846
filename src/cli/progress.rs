//! Progress bars on standard error. On standard output they would break what Moodle parses.
//!
//! Owns their appearance. Must not know what makes progress.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// A progress bar that is removed when dropped. indicatif draws nothing when standard error is not a terminal.
pub(super) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
    // The templates are constants; if one were invalid, indicatif's default style would be used.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━━╌").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✓")),
        Err(_) => bar,
    }
}

/// A spinner with the elapsed time, for work whose end is not known.
pub(super) fn spinner(message: &'static str) -> ProgressBar {
    let spinner = bar("  {spinner:.cyan} {msg}, {elapsed}").with_message(message);
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    spinner
}
