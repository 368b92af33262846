//! Numbers, times and foreign text, as they are put before a person.

/// A time to the second, in UTC.
pub(super) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Seconds between two times, never negative: a clock may be set back during a run.
pub(super) fn seconds(from: jiff::Timestamp, to: jiff::Timestamp) -> f64 {
    let milliseconds = (to.as_millisecond() - from.as_millisecond()).max(0);
    milliseconds as f64 / 1000.0
}

/// A share as a percentage; `-` when it is no number.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "-".to_owned() }
}

/// A figure to four decimals; `-` when it is no number.
pub(super) fn figure(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "-".to_owned() }
}

/// A figure to three decimals; `-` when it is no number.
pub(super) fn short(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "-".to_owned() }
}

/// A mean and, where there is one, its deviation.
pub(super) fn spread(mean: f64, deviation: Option<f64>) -> String {
    match deviation.filter(|d| d.is_finite()) {
        Some(deviation) => format!("{} ± {}", figure(mean), figure(deviation)),
        None => figure(mean),
    }
}

/// `1 sample`, `2 samples`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Text that came from a file, safe on one line of a log: control characters (line ends, terminal
/// escapes) become spaces, and no more than `longest` characters are kept.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().take(longest).map(clean).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_line_and_is_cut() {
        assert_eq!(one_line("a\nb\u{1b}[31m", 40), "a b [31m");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }

    #[test]
    fn figures_that_are_no_numbers_are_a_dash() {
        assert_eq!(figure(f64::NAN), "-");
        assert_eq!(short(f64::NAN), "-");
        assert_eq!(percent(f64::INFINITY), "-");
        assert_eq!(spread(0.5, Some(f64::NAN)), "0.5000");
        assert_eq!(spread(0.5, Some(0.25)), "0.5000 ± 0.2500");
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_duration() {
        let late = jiff::Timestamp::from_second(10).expect("a time");
        assert!(seconds(late, jiff::Timestamp::UNIX_EPOCH).abs() < f64::EPSILON);
    }
}
