//! How large the head of a request and the archive of a model may be, and how long a request may wait.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::backend::ImportLimits;
use crate::units::ByteSize;

/// More header lines than these are refused by the HTTP library, without a word.
const MAX_HEADER_LINES: u64 = 96;
/// The same for the bytes of a request line.
const MAX_REQUEST_LINE: ByteSize = ByteSize(60 << 10);
/// And for those of all header lines.
const MAX_HEADERS: ByteSize = ByteSize(120 << 10);

const USUAL: ImportLimits = ImportLimits::USUAL;

/// The flags about what surrounds a request's parameters.
#[derive(Debug, Clone, Copy, Args)]
#[allow(clippy::struct_field_names, reason = "they are the names of the flags")]
pub struct RequestArgs {
    /// Most bytes of a request's first line, which has its address and query; at most 60KiB
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_REQUEST_LINE_BYTES", value_name = "BYTES", default_value = "16KiB", value_parser = request_line)]
    max_request_line_bytes: ByteSize,
    /// Most header lines of a request; at most 96
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_HEADER_LINES", value_name = "N", default_value = "64", value_parser = within(MAX_HEADER_LINES))]
    max_header_lines: u64,
    /// Most bytes of all header lines of a request; at most 120KiB
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_HEADER_BYTES", value_name = "BYTES", default_value = "64KiB", value_parser = headers)]
    max_header_bytes: ByteSize,
    /// Most files and directories in a model archive
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_ARCHIVE_ENTRIES", value_name = "N", default_value_t = USUAL.entries, value_parser = clap::value_parser!(u16).range(1..=1000))]
    max_archive_entries: u16,
    /// Most bytes that the files of a model archive have together when they are unpacked; at most 28MiB
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_UNPACKED_BYTES", value_name = "BYTES", default_value = "6MiB", value_parser = unpacked)]
    max_unpacked_bytes: ByteSize,
    /// Seconds that a request may wait for its turn before it gets 503 and a Retry-After
    #[arg(long, env = "MOODLE_MLBACKEND_QUEUE_SECONDS", value_name = "SECONDS", default_value = "3600", value_parser = within(30 * 24 * 60 * 60))]
    queue_seconds: u64,
}

/// How large the head of a request may be, which is all that comes before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the first line.
    pub request_line: ByteSize,
    /// Header lines.
    pub lines: usize,
    /// Bytes of all header lines.
    pub bytes: ByteSize,
}

impl RequestArgs {
    /// What a head may be.
    #[must_use]
    pub fn head(&self) -> HeadLimits {
        HeadLimits {
            request_line: self.max_request_line_bytes,
            lines: self.max_header_lines as usize,
            bytes: self.max_header_bytes,
        }
    }

    /// What an archive may be when it is looked into.
    #[must_use]
    pub fn import(&self) -> ImportLimits {
        ImportLimits { entries: self.max_archive_entries, bytes: self.max_unpacked_bytes.0 }
    }

    /// How long a request may wait for its turn.
    #[must_use]
    pub fn queue_time(&self) -> Duration {
        Duration::from_secs(self.queue_seconds)
    }
}

fn within(most: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=most)
}

fn request_line(text: &str) -> Result<ByteSize, String> {
    at_most(text, MAX_REQUEST_LINE)
}

fn headers(text: &str) -> Result<ByteSize, String> {
    at_most(text, MAX_HEADERS)
}

fn unpacked(text: &str) -> Result<ByteSize, String> {
    at_most(text, ByteSize(ImportLimits::LARGEST.bytes))
}

fn at_most(text: &str, most: ByteSize) -> Result<ByteSize, String> {
    let bytes: ByteSize = text.parse()?;
    if bytes.0 <= most.0 { Ok(bytes) } else { Err(format!("expected at most {most}")) }
}
