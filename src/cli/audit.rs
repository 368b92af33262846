//! `moodle-mlbackend audit`: shows the audit trail of a data directory.
//!
//! Owns the output and the forms of times. Must not know how lines are stored.

use std::collections::{BTreeMap, VecDeque};
use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::data_directory::{DataDirectory, OpenError};
use super::exit_code::exit_code;
use super::output::print;
use super::table::{counted, sanitized, table};
use crate::audit::{AuditError, Damaged, Event, Filter, Line, Operation, Outcome, Verdict, read};

/// Show the audit trail: who did what to which model, and how it ended.
///
/// The trail has a line for each training, evaluation, prediction, import, export and deletion, and for commands that change
/// the data directory. It names users, addresses, models and requests; it contains no samples. This command is safe while
/// a server is running.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataDirectory,

    /// Only operations from this time on: a date (UTC), a time such as 2026-11-27T18:00:00Z, or an age such as 7d, 12h or
    /// 30m.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,

    /// Only operations before this time, or up to the end of a date.
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,

    /// Only operations of this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Only operations on this model: its uniqueid, or uniqueid/dirhash.
    #[arg(long, value_name = "ID")]
    model: Option<String>,

    /// Only these operations. Several are separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    operation: Vec<Operation>,

    /// Only operations with this result. Several are separated by commas.
    #[arg(long, value_name = "RESULT", value_delimiter = ',')]
    result: Vec<Verdict>,

    /// Only operations of the request with this id, which is in the log and in the header X-Request-Id.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,

    /// Show at most this number of operations, the newest ones; 0 shows all.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,

    /// Print the lines as JSON, one object per line.
    #[arg(long)]
    json: bool,
}

/// Why the trail cannot be shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Prints the lines as a table or as JSON. Damaged lines are reported and are no failure.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    exit_code(find(args), |(found, json)| {
        if *json {
            found.lines.iter().for_each(print_json);
        } else {
            found.print_table();
        }
        found.report_damage();
        true
    })
}

/// The newest lines that were looked for.
#[derive(Debug, Default)]
struct Found {
    lines: VecDeque<Line>,
    /// The maximum number; 0 is none.
    limit: usize,
    /// The number of older ones.
    more: usize,
    damaged: Vec<Damaged>,
}

fn find(args: Args) -> Result<(Found, bool), ShowError> {
    let Args { data, since, until, user, model, operation, result, request_id, limit, json } = args;
    let store = data.open("audit", true)?;
    let filter =
        Filter { since, until, user, model, operations: operation, results: result, request: request_id };
    let mut found = Found { limit, ..Found::default() };
    let mut began = BTreeMap::new();
    read(&store, &filter, |line| match line {
        Ok(line) if json && limit == 0 => print_json(&line),
        // The last line of an operation says all that its first line says.
        Ok(line) if !json && line.event == Event::Began => {
            began.insert(line.id.clone(), line);
        }
        Ok(line) => {
            began.remove(&line.id);
            found.push(line);
        }
        Err(damaged) => found.damaged.push(damaged),
    })?;
    found.lines.extend(began.into_values());
    found.lines.make_contiguous().sort_by_key(|line| line.time);
    Ok((found, json))
}

fn print_json(line: &Line) {
    // It consists of texts and numbers, of which JSON is always made.
    let json = serde_json::to_string(line).unwrap_or_default();
    print(&json);
}

impl Found {
    fn push(&mut self, line: Line) {
        self.lines.push_back(line);
        if self.limit > 0 && self.lines.len() > self.limit {
            self.lines.pop_front();
            self.more += 1;
        }
    }

    fn print_table(&self) {
        let mut table = table(&["time", "operation", "model", "user", "address", "result", "request"]);
        for line in &self.lines {
            table.add_row([
                format!("{:.3}", line.time),
                line.operation.to_string(),
                sanitized(&line.model().unwrap_or_default()),
                sanitized(&line.user),
                sanitized(&line.address),
                sanitized(&line.outcome.as_ref().map_or_else(|| "began".to_owned(), result)),
                sanitized(line.request.as_deref().unwrap_or_default()),
            ]);
        }
        if !self.lines.is_empty() {
            print(&table);
        }
        let operations = counted(self.lines.len(), "operation");
        if self.more == 0 {
            print(&format!("{operations}."));
        } else {
            print(&format!("{operations}, the newest; --limit 0 shows {} more.", self.more));
        }
    }

    fn report_damage(&self) {
        const SHOWN: usize = 20;
        for Damaged { file, line } in self.damaged.iter().take(SHOWN) {
            eprintln!("{file}: line {line} is damaged and was skipped.");
        }
        if let Some(more) = self.damaged.len().checked_sub(SHOWN + 1) {
            eprintln!("{} were skipped.", counted(more + 1, "more damaged line"));
        }
    }
}

/// The result with its details.
fn result(outcome: &Outcome) -> String {
    let Outcome { result, status, reason, samples, generation, run } = outcome;
    let number = |name: &str, number: &Option<u64>| number.map(|number| format!("{name} {number}"));
    let details = [
        number("status", &status.map(u64::from)),
        reason.clone(),
        samples.map(|samples| counted(usize::try_from(samples).unwrap_or(usize::MAX), "sample")),
        number("generation", generation),
        number("run", run),
    ];
    let details: Vec<String> = [Some(result.to_string())].into_iter().chain(details).flatten().collect();
    details.join(", ")
}

fn since(text: &str) -> Result<Timestamp, String> {
    time(text, 0)
}

fn until(text: &str) -> Result<Timestamp, String> {
    time(text, 1)
}

/// A time, or that of an age. A date is its beginning, `days` later.
fn time(text: &str, days: i64) -> Result<Timestamp, String> {
    let text = text.trim();
    let of_date = |date: Date| {
        let date = date.checked_add(days.days()).ok()?;
        Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
    };
    let of_age = |age: SignedDuration| Timestamp::now().checked_sub(age).ok();
    let parsed = match text.parse::<Timestamp>() {
        Ok(time) => Some(time),
        Err(_) => text.parse().ok().and_then(of_date).or_else(|| age(text).and_then(of_age)),
    };
    parsed.ok_or_else(|| {
        "expected a date such as 2026-11-27, a time such as 2026-11-27T18:00:00Z, or an age such as 7d, 12h or 30m"
            .to_owned()
    })
}

fn age(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let number: i32 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
    let seconds = match unit {
        'd' => 24 * 60 * 60,
        'h' => 60 * 60,
        'm' => 60,
        _ => return None,
    };
    Some(SignedDuration::from_secs(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("2026-11-27", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z")]
    #[case("2026-11-27T18:00:00+01:00", "2026-11-27T17:00:00Z", "2026-11-27T17:00:00Z")]
    fn a_date_is_included_in_both_limits(#[case] text: &str, #[case] from: &str, #[case] to: &str) {
        assert_eq!(since(text).expect("a time").to_string(), from);
        assert_eq!(until(text).expect("a time").to_string(), to);
    }

    #[test]
    fn an_age_is_a_time_in_the_past() {
        let seconds = |text| {
            let time = since(text).expect("a time");
            Timestamp::now().duration_since(time).as_secs()
        };
        assert_eq!([seconds("2d"), seconds("3h"), seconds("4m")].map(|age| age / 10), [17_280, 1_080, 24]);
    }

    #[rstest]
    fn refuses_other_texts(
        #[values("", "d", "-1d", "7", "7x", "yesterday", "2026-13-01", "99999999999d")] text: &str,
    ) {
        assert!(since(text).is_err());
    }
}
