//! The demo's output: progress while it runs, a table at the end.
//!
//! Owns colours and symbols, which only a terminal gets. Must not know what the steps do.

use std::time::{Duration, Instant};

use comfy_table::{Cell, CellAlignment, Table};
use indicatif::ProgressBar;

use serde::Serialize;

use super::error::DemoError;
use crate::cli::output::{has_colours, print};
use crate::cli::progress;
use crate::cli::table::table;

/// The result of a step.
#[derive(Debug)]
pub(super) struct StepResult {
    /// The server's response, abridged.
    pub(super) response: String,
    /// The meaning of the response.
    pub(super) meaning: String,
}

/// What a step returns: a value for later steps, and its result.
pub(super) type StepOutcome<T> = Result<(T, StepResult), DemoError>;

/// The value and the result of a step.
pub(super) fn done<T>(value: T, response: impl Into<String>, meaning: impl Into<String>) -> (T, StepResult) {
    (value, StepResult { response: response.into(), meaning: meaning.into() })
}

/// A finished step, as JSON has it.
#[derive(Debug, Serialize)]
pub(super) struct Finished {
    step: &'static str,
    response: String,
    meaning: String,
    seconds: f64,
}

/// Progress and results of a fixed number of steps.
pub(super) struct Output {
    bar: ProgressBar,
    table: Table,
    steps: Vec<Finished>,
    /// Whether standard output is for JSON alone.
    json: bool,
    /// Only a terminal gets colours and symbols, and only if `NO_COLOR` is not set.
    colours: bool,
}

impl Output {
    pub(super) fn new(steps: u64, json: bool) -> Self {
        let bar = progress::bar("  {spinner:.cyan} {bar:24.cyan/240} {pos}/{len}  {msg} {elapsed:.dim}");
        bar.set_length(steps);
        let colours = has_colours();
        let table = table(&["Step", "Response", "Meaning", "Time"]);
        Self { bar, table, steps: Vec::new(), json, colours }
    }

    /// Prints a line above the progress bar.
    pub(super) fn line(&self, line: &str) {
        if !self.json {
            self.bar.suspend(|| print(&line));
        }
    }

    /// The finished steps.
    pub(super) fn steps(&self) -> &[Finished] {
        &self.steps
    }

    /// Runs one step and measures its time.
    pub(super) fn step<T>(
        &mut self,
        step: &'static str,
        work: impl FnOnce() -> StepOutcome<T>,
    ) -> Result<T, DemoError> {
        self.bar.set_message(step);
        self.bar.enable_steady_tick(Duration::from_millis(80));
        let started = Instant::now();
        let outcome = work();
        let elapsed = started.elapsed();
        let time = duration(elapsed);
        match outcome {
            Ok((value, StepResult { response, meaning })) => {
                let symbol = if self.colours { self.styled("32", "✓") } else { "ok  ".to_owned() };
                self.line(&format!("  {symbol} {step:<32} {}", self.styled("2", &time)));
                self.table.add_row([
                    Cell::new(step),
                    Cell::new(&response),
                    Cell::new(&meaning),
                    Cell::new(time).set_alignment(CellAlignment::Right),
                ]);
                self.steps.push(Finished { step, response, meaning, seconds: elapsed.as_secs_f64() });
                self.bar.inc(1);
                Ok(value)
            }
            Err(error) => {
                let symbol = if self.colours { self.styled("31", "✗") } else { "FAIL".to_owned() };
                self.line(&format!("  {symbol} {step}"));
                self.bar.finish_and_clear();
                Err(error)
            }
        }
    }

    /// Removes the progress bar and prints the table.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        if !self.json {
            print(&format!("\n{}\n", self.table));
        }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    /// `code` is a sequence of parameters of the terminal's SGR.
    fn styled(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A duration in a readable unit.
fn duration(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 1000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::error::unexpected;

    #[test]
    fn formats_a_duration_in_the_unit_that_fits() {
        assert_eq!(duration(Duration::from_micros(1234)), "1.2 ms");
        assert_eq!(duration(Duration::from_millis(123)), "123 ms");
        assert_eq!(duration(Duration::from_millis(1234)), "1.23 s");
    }

    #[test]
    fn returns_the_error_of_a_failed_step_and_adds_no_row() {
        let mut output = Output::new(2, false);
        output.step("works", || Ok(done((), "0", "fine"))).expect("works");
        let failed = output.step::<()>("fails", || unexpected("odd"));
        assert!(matches!(failed, Err(DemoError::Unexpected(text)) if text == "odd"));
        assert_eq!(output.table.row_count(), 1);
    }
}
