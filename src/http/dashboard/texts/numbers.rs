//! Numbers, shares, sizes and times as they are written in each language.
//!
//! Owns separators, units and the order of a date. Must not know what a number means.

use jiff::Timestamp;

use super::{Language, Texts};

/// Separates digits and units so that no line breaks there.
const NO_BREAK: char = '\u{a0}';
const NARROW_NO_BREAK: char = '\u{202f}';

impl Language {
    /// A number with this many decimals; a dash if it is not finite.
    pub(super) fn number(self, value: f64, decimals: usize) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        let text = format!("{value:.decimals$}");
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("−", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (group, point) = match self {
            Self::English => (',', '.'),
            Self::German | Self::Portuguese => ('.', ','),
            Self::French => (NARROW_NO_BREAK, ','),
            Self::Spanish => (NO_BREAK, ','),
        };
        // Spanish does not group four digits.
        let grouped = if self == Self::Spanish && whole.len() == 4 {
            whole.to_owned()
        } else {
            let mut grouped = String::new();
            for (at, digit) in whole.chars().enumerate() {
                if at > 0 && (whole.len() - at) % 3 == 0 {
                    grouped.push(group);
                }
                grouped.push(digit);
            }
            grouped
        };
        let fraction = if fraction.is_empty() { String::new() } else { format!("{point}{fraction}") };
        format!("{sign}{grouped}{fraction}")
    }
}

impl Texts {
    /// A number with this many decimals.
    pub(in crate::http) fn number(self, value: f64, decimals: usize) -> String {
        self.0.number(value, decimals)
    }

    /// A whole number.
    pub(in crate::http) fn whole(self, value: u64) -> String {
        self.0.number(value as f64, 0)
    }

    /// A size in bytes, in a unit that leaves one decimal at most.
    pub(in crate::http) fn size(self, bytes: u64) -> String {
        let (byte, suffix) = if self.0 == Language::French { ("o", "io") } else { ("B", "iB") };
        let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
        match units.into_iter().find(|(shift, _)| bytes >= 1 << shift) {
            Some((shift, unit)) => {
                let value = bytes as f64 / (1_u64 << shift) as f64;
                let decimals = usize::from(value < 100.0);
                format!("{}{NO_BREAK}{unit}{suffix}", self.number(value, decimals))
            }
            None => format!("{}{NO_BREAK}{byte}", self.whole(bytes)),
        }
    }

    /// A time in UTC, to the minute.
    pub(in crate::http) fn time(self, time: Timestamp) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let at = jiff::tz::Offset::UTC.to_datetime(time);
        let (day, month, year) = (at.day(), at.month(), at.year());
        let date = match self.0 {
            Language::English => {
                let month = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied();
                format!("{day} {} {year}", month.unwrap_or_default())
            }
            Language::German => format!("{day:02}.{month:02}.{year}"),
            _ => format!("{day:02}/{month:02}/{year}"),
        };
        format!("{date}, {:02}:{:02} UTC", at.hour(), at.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Language::English, "1,234,567.5", "1,234", "−0.25")]
    #[case(Language::German, "1.234.567,5", "1.234", "−0,25")]
    #[case(Language::French, "1\u{202f}234\u{202f}567,5", "1\u{202f}234", "−0,25")]
    #[case(Language::Spanish, "1\u{a0}234\u{a0}567,5", "1234", "−0,25")]
    #[case(Language::Portuguese, "1.234.567,5", "1.234", "−0,25")]
    fn numbers_have_the_separators_of_the_language(
        #[case] language: Language,
        #[case] long: &str,
        #[case] short: &str,
        #[case] negative: &str,
    ) {
        let texts = Texts(language);
        assert_eq!(texts.number(1_234_567.5, 1), long);
        assert_eq!(texts.whole(1234), short);
        assert_eq!(texts.number(-0.25, 2), negative);
        assert_eq!(texts.number(f64::NAN, 2), "–");
    }

    #[test]
    fn sizes_and_times_are_written_in_the_language() {
        let time: Timestamp = "2026-11-05T07:04:08Z".parse().expect("a time");
        assert_eq!(Texts(Language::English).time(time), "5 Nov 2026, 07:04 UTC");
        assert_eq!(Texts(Language::German).time(time), "05.11.2026, 07:04 UTC");
        assert_eq!(Texts(Language::French).time(time), "05/11/2026, 07:04 UTC");
        assert_eq!(Texts(Language::German).size(1_572_864), "1,5\u{a0}MiB");
        assert_eq!(Texts(Language::French).size(512), "512\u{a0}o");
        assert_eq!(Texts(Language::English).size(500 << 30), "500\u{a0}GiB");
    }
}
