//! Settings about connections: their number and the timeouts of slow clients.
//!
//! The timeouts are advanced settings (`hide`): the defaults fit every Moodle, and docs/settings.md lists them. Must not
//! know how they are enforced.

use std::time::Duration;

use clap::Args;

use super::parsers::{DAY, at_least_one, bytes, seconds};

/// Settings about connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[command(next_help_heading = "Connections")]
pub struct Connections {
    /// Maximum number of concurrent connections; further ones wait until one closes
    #[arg(long = "max-connections", env = "MOODLE_MLBACKEND_MAX_CONNECTIONS", value_name = "N", default_value = "2000", value_parser = at_least_one)]
    pub max: usize,
    /// Seconds in which the head of a request (request line and headers) must arrive
    #[arg(long = "head-seconds", env = "MOODLE_MLBACKEND_HEAD_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds(1..=DAY), hide = true)]
    pub head: Duration,
    /// The minimum rate of request bodies.
    #[command(flatten)]
    pub body_rate: BodyRate,
    /// Seconds for which the rest of an upload is read and discarded after an early response such as 401 or 413
    // Otherwise the connection would be reset before the client has read the response. A client that waits for the end
    // of the connection instead of counting bytes waits this long.
    #[arg(long = "linger-seconds", env = "MOODLE_MLBACKEND_LINGER_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds(1..=DAY), hide = true)]
    pub linger: Duration,
    /// Seconds after which a connection is closed when its client reads nothing of a response
    #[arg(long = "answer-seconds", env = "MOODLE_MLBACKEND_ANSWER_SECONDS", value_name = "SECONDS", default_value = "300", value_parser = seconds(1..=DAY), hide = true)]
    pub answer: Duration,
}

/// The minimum rate of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct BodyRate {
    /// Seconds for which the body of a request may stall, or lag behind the minimum rate
    #[arg(long = "stall-seconds", env = "MOODLE_MLBACKEND_STALL_SECONDS", value_name = "SECONDS", default_value = "60", value_parser = seconds(1..=DAY), hide = true)]
    pub stall: Duration,
    /// Minimum average rate of the body of a request in bytes per second; faster data makes up for a pause
    #[arg(long = "slowest-bytes", env = "MOODLE_MLBACKEND_SLOWEST_BYTES", value_name = "BYTES", default_value = "1KiB", value_parser = bytes, hide = true)]
    pub bytes_per_second: u64,
}
