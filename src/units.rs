//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `1048576`, `1MiB`, `1M` or `1 MB`; K, M and G are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

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

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if self.0 >= 1 << shift && self.0.trailing_zeros() >= shift {
                return write!(f, "{} {unit}", self.0 >> shift);
            }
        }
        write!(f, "{} bytes", self.0)
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
    fn sizes_are_read_as_people_write_them(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(text.parse(), Ok(ByteSize(bytes)));
    }

    #[rstest]
    #[case("")]
    #[case("0")]
    #[case("-1")]
    #[case("1.5G")]
    #[case("1TB")]
    #[case("99999999999999G")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }

    #[test]
    fn sizes_are_shown_in_the_largest_whole_unit() {
        assert_eq!(ByteSize(1 << 30).to_string(), "1 GiB");
        assert_eq!(ByteSize(1500).to_string(), "1500 bytes");
    }
}
