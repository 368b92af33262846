//! Why the queue cannot be used.
//!
//! Owns the messages: none contains the address, which has a password.

/// Why the queue cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The address is none of Redis.
    #[error("the address is none of a Redis server: redis://:PASSWORD@HOST:PORT, or rediss:// with TLS")]
    Address,
    /// Other machines can reach it, and it asks for no password.
    #[error(
        "the Redis server accepts clients without a password, and it is not on this machine: set requirepass (or users) in its \
         configuration, and add the password to the address"
    )]
    Open,
    /// It cannot be reached, or refuses a command.
    #[error("Redis cannot be used")]
    Redis(#[source] redis::RedisError),
    /// It did not answer.
    #[error("Redis does not answer")]
    Silent,
    /// It could not be reached a moment ago.
    #[error("Redis cannot be reached")]
    Away,
}

impl From<redis::RedisError> for QueueError {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error)
    }
}
