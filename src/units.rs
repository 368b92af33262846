//! Sizes in bytes: parsing and formatting.
//!
//! Must not know what is measured.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `1048576`, `1MiB`, `1M` or `1 MB`; K, M and G are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    /// Refuses 0, unknown units and sizes beyond `u64`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => Some(1_u64),
            "k" | "kb" | "kib" => Some(1 << 10),
            "m" | "mb" | "mib" => Some(1 << 20),
            "g" | "gb" | "gib" => Some(1 << 30),
            _ => None,
        };
        let bytes = factor.zip(number.parse::<u64>().ok()).and_then(|(factor, n)| n.checked_mul(factor));
        match bytes {
            Some(0) | None => Err("expected a size such as 1048576, 64KiB, 500MiB or 1GiB".to_owned()),
            Some(bytes) => Ok(Self(bytes)),
        }
    }
}

/// Exact by default, in the largest unit that leaves no fraction. With a precision (`{:.1}`) rounded for tables.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        if let Some(precision) = f.precision() {
            return match units.into_iter().find(|(shift, _)| self.0 >= 10 << shift) {
                Some((shift, unit)) => {
                    write!(f, "{:.precision$} {unit}", self.0 as f64 / (1_u64 << shift) as f64)
                }
                None => write!(f, "{} bytes", self.0),
            };
        }
        match units.into_iter().find(|&(shift, _)| self.0 >= 1 << shift && self.0.trailing_zeros() >= shift) {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1", 1)]
    #[case("64KiB", 65_536)]
    #[case("500 mb", 524_288_000)]
    #[case("1G", 1 << 30)]
    fn parses_sizes_with_and_without_units(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(text.parse(), Ok(ByteSize(bytes)));
    }

    #[rstest]
    fn refuses_other_texts(#[values("", "0", "-1", "1.5G", "1TB", "99999999999999G")] text: &str) {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }

    #[test]
    fn shows_sizes_exactly_in_the_largest_whole_unit() {
        assert_eq!(ByteSize(1 << 30).to_string(), "1 GiB");
        assert_eq!(ByteSize(1500).to_string(), "1500 bytes");
    }

    #[rstest]
    #[case(0, "0 bytes")]
    #[case(10_239, "10239 bytes")]
    #[case(10_240, "10.0 KiB")]
    #[case(11_000_000, "10.5 MiB")]
    #[case(16 << 30, "16.0 GiB")]
    fn a_precision_rounds_sizes_for_tables(#[case] bytes: u64, #[case] shown: &str) {
        assert_eq!(format!("{:.1}", ByteSize(bytes)), shown);
    }
}
