//! Progress bars on standard error. On standard output they would break what Moodle parses.
//!
//! Owns their appearance. Must not know what makes progress.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

/// The flag of commands that show progress.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Quiet {
    /// Show no progress on the terminal
    #[arg(long, short)]
    quiet: bool,
}

impl Quiet {
    /// A progress bar, which is hidden if that was asked for.
    pub(super) fn bar(self, template: &str) -> ProgressBar {
        let bar = bar(template);
        if self.quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar
    }

    /// A spinner with the elapsed time, for work whose end is not known.
    pub(super) fn spinner(self, message: &'static str) -> ProgressBar {
        let spinner = self.bar("  {spinner:.cyan} {msg}, {elapsed}").with_message(message);
        if !spinner.is_hidden() {
            spinner.enable_steady_tick(std::time::Duration::from_millis(100));
        }
        spinner
    }
}

/// A progress bar that is removed when dropped. indicatif draws nothing when standard error is not a terminal.
pub(super) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
    // The templates are constants; if one were invalid, indicatif's default style would be used.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━━╌").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✓")),
        Err(_) => bar,
    }
}
