//! What the demo shows: progress while it runs, a table at the end.
//!
//! Owns terminals: colours, bars and signs when somebody watches, plain lines when not. Must not know
//! what the steps do.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::DemoError;

/// What a step found out.
#[derive(Debug)]
pub(super) struct Finding {
    /// What the server answered, shortened.
    pub(super) answer: String,
    /// What that means.
    pub(super) meaning: String,
}

impl Finding {
    pub(super) fn new(answer: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { answer: answer.into(), meaning: meaning.into() }
    }
}

/// Progress and results of a fixed number of steps.
pub(super) struct Show {
    bar: ProgressBar,
    rows: Vec<Row>,
    paint: Paint,
}

struct Row {
    step: &'static str,
    finding: Finding,
    time: Duration,
}

impl Show {
    pub(super) fn new(steps: u64) -> Self {
        let bar = ProgressBar::new(steps);
        let template = "  {spinner:.cyan} {bar:24.cyan/240} {pos}/{len}  {msg} {elapsed:.dim}";
        // The template is a constant; were it wrong, indicatif's own look would do.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━╌").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✓"));
        }
        Self { bar, rows: Vec::new(), paint: Paint::detect() }
    }

    /// Prints a line above the progress bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    /// Does one step, watching the clock.
    pub(super) fn step<T>(
        &mut self,
        step: &'static str,
        work: impl FnOnce() -> Result<(T, Finding), DemoError>,
    ) -> Result<T, DemoError> {
        self.bar.set_message(step);
        self.bar.enable_steady_tick(Duration::from_millis(80));
        let started = Instant::now();
        let done = work();
        let time = started.elapsed();
        match done {
            Ok((value, finding)) => {
                let sign = self.paint.good();
                self.say(&format!("  {sign} {step:<28} {}", self.paint.dim(&spoken(time))));
                self.rows.push(Row { step, finding, time });
                self.bar.inc(1);
                Ok(value)
            }
            Err(error) => {
                self.say(&format!("  {} {step}", self.paint.bad()));
                self.bar.finish_and_clear();
                Err(error)
            }
        }
    }

    /// Takes the progress bar away and prints the table.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        println!("\n{}\n", self.table());
    }

    pub(super) fn strong(&self, text: &str) -> String {
        self.paint.strong(text)
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(if self.paint.0 {
            presets::UTF8_FULL_CONDENSED.with_rounded_corners()
        } else {
            presets::ASCII_MARKDOWN
        });
        table.set_header(["Step", "Answer", "Meaning", "Time"]);
        for row in &self.rows {
            table.add_row([
                Cell::new(row.step),
                Cell::new(&row.finding.answer),
                Cell::new(&row.finding.meaning),
                Cell::new(spoken(row.time)).set_alignment(CellAlignment::Right),
            ]);
        }
        table
    }
}

/// A time for people.
fn spoken(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 1000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

/// Colours and signs, when stdout is a terminal whose user wants them (`NO_COLOR`).
#[derive(Debug, Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn detect() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self(std::io::stdout().is_terminal() && wanted)
    }

    fn good(self) -> String {
        if self.0 { self.with("32", "✓") } else { "ok  ".to_owned() }
    }

    fn bad(self) -> String {
        if self.0 { self.with("31", "✗") } else { "FAIL".to_owned() }
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spoken_in_the_unit_that_fits() {
        assert_eq!(spoken(Duration::from_micros(1234)), "1.2 ms");
        assert_eq!(spoken(Duration::from_millis(123)), "123 ms");
        assert_eq!(spoken(Duration::from_millis(1234)), "1.23 s");
    }

    #[test]
    fn a_step_that_fails_gives_its_error_back_and_has_no_row() {
        let mut show = Show::new(2);
        show.step("works", || Ok(((), Finding::new("0", "fine")))).expect("works");
        let failed = show.step::<()>("fails", || Err(DemoError::Surprise("odd".into())));
        assert!(matches!(failed, Err(DemoError::Surprise(text)) if text == "odd"));
        assert_eq!(show.rows.len(), 1);
    }

    #[test]
    fn the_table_has_no_escape_codes_when_nobody_watches() {
        let mut show = Show::new(1);
        show.paint = Paint(false);
        show.step("version", || Ok(((), Finding::new("3.0.5", "accepted")))).expect("works");
        let table = show.table().to_string();
        assert!(table.contains("3.0.5") && table.contains("accepted"), "{table}");
        assert!(!table.contains('\x1b'), "{table}");
    }
}
