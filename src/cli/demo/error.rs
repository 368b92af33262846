//! Why the demo failed.
//!
//! Owns the messages. Must not know the steps.

/// The demo failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error("The demo's directory could not be used: {0}.")]
    Directory(#[source] std::io::Error),
    #[error("The server could not be started: {0}.")]
    Start(#[source] std::io::Error),
    #[error("The server exited unexpectedly. The end of its log:\n{0}")]
    Exited(String),
    #[error("The server did not start listening in time. The end of its log:\n{0}")]
    NotListening(String),
    #[error("The request to {route} failed: {source}.")]
    Request { route: &'static str, source: ureq::Error },
    #[error("{route} responded with status {status}: {body}")]
    Refused { route: &'static str, status: u16, body: String },
    #[error("{0}")]
    Unexpected(String),
    #[error("The system's random number generator failed: {0}.")]
    Random(#[from] getrandom::Error),
}

/// A response is not the expected one.
pub(super) fn unexpected<T>(text: impl Into<String>) -> Result<T, DemoError> {
    Err(DemoError::Unexpected(text.into()))
}
