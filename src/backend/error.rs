//! Why an operation failed.

/// Why an operation failed; `http` turns it into a status, `cli` into an exit code.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The client sent something that cannot be used; the text says what, where and what to do.
    #[error("{0}")]
    BadInput(String),
    /// Our own fault or the machine's; the text is for the log, never for the client.
    #[error("{0}")]
    Internal(String),
}
