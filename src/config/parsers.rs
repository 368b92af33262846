//! Parsers of the values of settings.
//!
//! Owns the accepted values and the errors that list them. Must not know which settings have them.

use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{OsStringValueParser, StringValueParser, TypedValueParser};

use crate::units::ByteSize;

pub(super) const DEFAULT_PORT: u16 = 5000;

/// The maximum of most durations, in seconds.
pub(super) const DAY: u64 = 24 * 60 * 60;

/// A path. Accepts empty text, which clap's own parser refuses: compose files and unit files leave variables empty,
/// and an empty variable counts as unset.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// A path; empty text means the system's directory for temporary files.
pub(super) fn path_or_system_temp() -> impl TypedValueParser<Value = PathBuf> {
    path().map(|path| if path.as_os_str().is_empty() { env::temp_dir() } else { path })
}

/// A number of seconds. Most ranges exclude 0, which some parts of the server would take for "at once" and others
/// for "no limit".
pub(super) fn seconds(range: RangeInclusive<u64>) -> impl TypedValueParser<Value = Duration> {
    StringValueParser::new().try_map(move |text| {
        let seconds = text.trim().parse().ok().filter(|seconds| range.contains(seconds));
        seconds.map(Duration::from_secs).ok_or_else(|| {
            let example = 60.clamp(*range.start(), *range.end());
            match *range.end() {
                u64::MAX => format!(
                    "expected a whole number of seconds, at least {}, such as {example}",
                    range.start()
                ),
                end => format!(
                    "expected a whole number of seconds from {} to {end}, such as {example}",
                    range.start()
                ),
            }
        })
    })
}

/// A whole number, 0 included.
pub(super) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| "expected a whole number, such as 40".to_owned())
}

/// A switch.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        _ => Err("expected 1 (on) or 0 (off)".to_owned()),
    }
}

/// A size such as `64KiB`, in bytes; at least 1.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    text.parse().map(|ByteSize(bytes)| bytes)
}

/// A size, or 0.
pub(super) fn bytes_or_none(text: &str) -> Result<u64, String> {
    if text.trim() == "0" { Ok(0) } else { bytes(text) }
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1, such as 100".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// A port. Kubernetes sets `MOODLE_MLBACKEND_PORT=tcp://…` in every pod beside a service of this name; such a value
/// was not set by the operator and means the default.
pub(super) fn port(text: &str) -> Result<u16, String> {
    if text.starts_with("tcp://") {
        return Ok(DEFAULT_PORT);
    }
    text.parse().map_err(|_| "expected a number from 0 to 65535, such as 5000".to_owned())
}

/// An address to listen on, as people write it: also `localhost` and `[::1]`. Other names are not resolved, because a
/// name can have several addresses.
pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| {
        "expected localhost or an address of this machine without a port, such as 127.0.0.1, 0.0.0.0 (all) or ::1"
            .to_owned()
    })
}

/// A version that Moodle accepts. It compares the whole body of `/version` by PHP's `version_compare`, for which a suffix
/// such as `+1` makes a version older.
pub(super) fn version(text: &str) -> Result<String, String> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers: Option<Vec<u32>> =
        text.split('.').map(|part| part.parse().ok().filter(|_| is_number(part))).collect();
    let accepted = [3, 0, 5].as_slice()..[4].as_slice();
    match numbers {
        Some(numbers) if accepted.contains(&numbers.as_slice()) => Ok(text.to_owned()),
        _ => Err("Moodle accepts a version of at least 3.0.5 and less than 4, such as 3.0.5".to_owned()),
    }
}
