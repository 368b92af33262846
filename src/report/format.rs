//! Numbers and times as a report shows them.
//!
//! Owns their format. Must not know what they measure.

/// A time to the second, in UTC.
pub(super) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Seconds between two times, never negative: a clock may be set back during a run.
pub(super) fn seconds(from: jiff::Timestamp, to: jiff::Timestamp) -> f64 {
    let milliseconds = (to.as_millisecond() - from.as_millisecond()).max(0);
    milliseconds as f64 / 1000.0
}

/// A share as a percentage; `-` when it is not finite.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "-".to_owned() }
}

/// A figure to four decimals; `-` when it is not finite.
pub(super) fn figure(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "-".to_owned() }
}

/// A figure to three decimals; `-` when it is not finite.
pub(super) fn short(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "-".to_owned() }
}

/// A mean and its deviation, if it has one.
pub(super) fn spread(mean: f64, deviation: Option<f64>) -> String {
    match deviation.filter(|d| d.is_finite()) {
        Some(deviation) => format!("{} ± {}", figure(mean), figure(deviation)),
        None => figure(mean),
    }
}

/// Text broken at spaces into lines that fit. A word that does not fit is a line of its own.
pub(super) fn wrapped(text: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `1 sample`, `2 samples`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_dash_for_a_number_that_is_not_finite() {
        assert_eq!(figure(f64::NAN), "-");
        assert_eq!(short(f64::NAN), "-");
        assert_eq!(percent(f64::INFINITY), "-");
        assert_eq!(spread(0.5, Some(f64::NAN)), "0.5000");
        assert_eq!(spread(0.5, Some(0.25)), "0.5000 ± 0.2500");
    }

    #[test]
    fn shows_no_negative_duration_after_the_clock_was_set_back() {
        let late = jiff::Timestamp::from_second(10).expect("a time");
        assert!(seconds(late, jiff::Timestamp::UNIX_EPOCH).abs() < f64::EPSILON);
    }
}
