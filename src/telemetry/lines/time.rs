//! The time of a line, such as `2026-11-27T23:04:17.000123Z`.
//!
//! Must not know where it is written.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// `2026-11-27T23:04:17`.
type Second = [u8; 19];

thread_local! {
    /// The last second that was written: many lines have the same.
    static LAST: Cell<(u64, Second)> = const { Cell::new((0, *b"1970-01-01T00:00:00")) };
}

/// Pushes the time of now in UTC, to the microsecond; a clock before 1970 shows its beginning.
pub(super) fn push_now(line: &mut String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let second = second(now.as_secs());
    let mut fraction = *b".000000Z";
    let mut micros = now.subsec_micros();
    for digit in fraction[1..7].iter_mut().rev() {
        *digit = b'0' + (micros % 10) as u8;
        micros /= 10;
    }
    line.push_str(str::from_utf8(&second).unwrap_or_default());
    line.push_str(str::from_utf8(&fraction).unwrap_or_default());
}

fn second(seconds: u64) -> Second {
    let (last, text) = LAST.get();
    if last == seconds {
        return text;
    }
    let text = format(seconds).unwrap_or(text);
    LAST.set((seconds, text));
    text
}

fn format(seconds: u64) -> Option<Second> {
    let time = Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    time.to_string().as_bytes().first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_own_text() {
        assert_eq!(&second(951_782_399), b"2000-02-28T23:59:59");
        assert_eq!(&second(951_782_400), b"2000-02-29T00:00:00");
        assert_eq!(&second(951_782_400), b"2000-02-29T00:00:00");
        assert_eq!(&second(0), b"1970-01-01T00:00:00");
    }
}
