//! How many clients the operator wants at once, and how slow one may be.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::{DAY, at_least_one};
use crate::units::ByteSize;

/// The flags about connections.
#[derive(Debug, Clone, Copy, Args)]
pub struct ConnectionArgs {
    /// Connections at once; further ones wait until one ends
    #[arg(long, env = "MOODLE_MLBACKEND_MAX_CONNECTIONS", value_name = "N", default_value = "2000", value_parser = at_least_one)]
    max_connections: usize,
    /// Seconds in which a request's head, which is all before its body, must have come
    #[arg(long, env = "MOODLE_MLBACKEND_HEAD_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds())]
    head_seconds: u64,
    /// Seconds that a body may stand still, or be late at the slowest speed that is allowed
    #[arg(long, env = "MOODLE_MLBACKEND_STALL_SECONDS", value_name = "SECONDS", default_value = "60", value_parser = seconds())]
    stall_seconds: u64,
    /// Bytes of a body that must come each second, on average; a pause is made up for by what comes after it
    #[arg(long, env = "MOODLE_MLBACKEND_SLOWEST_BYTES", value_name = "BYTES", default_value = "1KiB")]
    slowest_bytes: ByteSize,
    /// Seconds that the rest of an upload is read and thrown away when it was answered early
    #[arg(long, env = "MOODLE_MLBACKEND_LINGER_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds())]
    linger_seconds: u64,
    /// Seconds that a client may take nothing of an answer
    #[arg(long, env = "MOODLE_MLBACKEND_ANSWER_SECONDS", value_name = "SECONDS", default_value = "300", value_parser = seconds())]
    answer_seconds: u64,
}

/// How many clients may be there at once, and how slow each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// At once; at least 1.
    pub most: usize,
    /// How long the head of a request may take.
    pub head: Duration,
    /// How slow a body may be.
    pub body_rate: BodyRate,
    /// How long the rest of an upload is read after an early answer: without that, the connection would be
    /// reset and the client would never see the 401 or 413. A client that waits for the end of the
    /// connection instead of counting bytes waits as long.
    pub linger: Duration,
    /// How long nothing of an answer may be taken.
    pub answer: Duration,
}

/// How slow a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyRate {
    /// How long it may stand still, or be late.
    pub stall: Duration,
    /// How much must come in a second; at least 1.
    pub bytes_per_second: u64,
}

impl From<ConnectionArgs> for Connections {
    fn from(args: ConnectionArgs) -> Self {
        Self {
            most: args.max_connections,
            head: Duration::from_secs(args.head_seconds),
            body_rate: BodyRate {
                stall: Duration::from_secs(args.stall_seconds),
                bytes_per_second: args.slowest_bytes.0,
            },
            linger: Duration::from_secs(args.linger_seconds),
            answer: Duration::from_secs(args.answer_seconds),
        }
    }
}

/// Never 0, which would mean no time at all to one part of the server and no limit to another.
fn seconds() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=DAY)
}
