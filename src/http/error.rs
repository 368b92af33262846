//! The one place that turns failures into a status and a sentence.
//!
//! Moodle shows the sentence to its administrator, so it says what is wrong and
//! what to do; what only the operator may know goes to the log.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use actix_web_httpauth::headers::www_authenticate::basic::Basic;

use crate::auth::throttle::Wait;
use crate::backend::BackendError;
use crate::config::{BodyRate, ConfigError, LOGIN_FAILURES, TEMP_DIR, USERS};
use crate::jobs::JobError;
use crate::store::{IdError, StoreError};
use crate::units::ByteSize;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What the operator set cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error("the data directory that MOODLE_MLBACKEND_PYTHON_DIR names cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The directory for uploads cannot be used.
    #[error("the directory that MOODLE_MLBACKEND_TEMPDIR names cannot be used: {0}")]
    Spool(#[source] io::Error),
    /// The port cannot be had.
    #[error("cannot listen on {wanted}: {source}; choose another port with --port or MOODLE_MLBACKEND_PORT")]
    Bind {
        /// The address that was asked for.
        wanted: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server itself failed.
    #[error("the server failed: {0}")]
    Server(#[source] io::Error),
}

/// Why a request got no answer of the usual kind. `Display` is the body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("No user and/or password included in the request.")]
    NoCredentials,
    #[error("Incorrect user and/or password provided by Moodle.")]
    WrongCredentials,
    #[error(
        "Too many logins with a wrong password. Try again in {} seconds. The server's {LOGIN_FAILURES} sets this \
         limit.", .0.seconds()
    )]
    TooManyFailures(Wait),
    #[error("{USERS} environment var is not set in the server")]
    NoUsers,
    #[error("The requested key {0} is not available.")]
    MissingParameter(&'static str),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    BadId(#[from] IdError),
    #[error(
        "The upload is too large: {what} may have at most {limit}. The server's {setting} sets this limit."
    )]
    TooLarge { what: &'static str, limit: ByteSize, setting: &'static str },
    #[error("Send the request without a Content-Encoding: compressed requests are not supported.")]
    Encoded,
    #[error(
        "The upload stopped before its end, or came too slowly: send it again. The server waits {} s \
         (MOODLE_MLBACKEND_STALL_SECONDS) for less than {} a second (MOODLE_MLBACKEND_SLOWEST_BYTES).",
        .0.stall.as_secs(),
        ByteSize(.0.bytes_per_second)
    )]
    TooSlow(BodyRate),
    #[error("The request line is too long: it may have at most {0}.")]
    LongRequestLine(ByteSize),
    #[error("The headers are too large: they may have at most {0}.")]
    LargeHeaders(String),
    #[error("The upload is too large: a form field may have at most {0}.")]
    LargeField(ByteSize),
    #[error(
        "The server is busy: {waiting} requests are already queued ({limit}). Try again in a few minutes."
    )]
    Busy { waiting: usize, limit: &'static str },
    #[error(
        "The server is busy: the request has waited {} s for its turn (MOODLE_MLBACKEND_QUEUE_SECONDS). \
         Try again in a few minutes.",
        .0.as_secs()
    )]
    Waited(Duration),
    #[error("The server is just stopping. Try again in a minute.")]
    Stopping,
    #[error("{0}")]
    Unusable(String),
    #[error("There is nothing to export.")]
    NothingToExport,
    #[error("{}", BackendError::NoSpace)]
    NoSpace,
    /// Our own fault or the machine's; the text is for the log.
    #[error("{0}")]
    Internal(String),
}

/// How long a client should wait before it tries a busy server again, in seconds.
const RETRY_AFTER: &str = "60";

impl HttpError {
    /// Our own fault; `cause` goes to the log, never to the client.
    pub(crate) fn internal(doing: &str, cause: impl fmt::Display) -> Self {
        Self::Internal(format!("{doing}: {cause}"))
    }

    /// An upload could not be kept while it is worked on.
    pub(crate) fn keeping_an_upload(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                tracing::error!(%error, "the disk is full where uploads are kept, in the directory of {TEMP_DIR}");
                Self::NoSpace
            }
            _ => Self::internal("keeping an upload", error),
        }
    }

    /// What the client gets; `request` is how it and the log name this request.
    pub(crate) fn answer(&self, request: &str) -> HttpResponse {
        let text = match self {
            Self::Internal(_) => format!(
                "Something went wrong in the server. Its log tells why: look for the request {request} there."
            ),
            told => told.to_string(),
        };
        let mut response = super::routes::text(self.status_code(), text);
        let (name, value) = match self {
            Self::NoCredentials | Self::WrongCredentials => (header::WWW_AUTHENTICATE, challenge()),
            Self::TooManyFailures(wait) => (header::RETRY_AFTER, HeaderValue::from(wait.seconds())),
            Self::Busy { .. } | Self::Waited(_) | Self::Stopping => {
                (header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER))
            }
            _ => return response,
        };
        response.headers_mut().insert(name, value);
        response
    }
}

fn challenge() -> HeaderValue {
    use actix_web::http::header::TryIntoHeaderValue;
    let challenge = Basic::with_realm("moodle-mlbackend").try_into_value();
    challenge.unwrap_or_else(|_| HeaderValue::from_static("Basic"))
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::TooManyFailures(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadRequest(_) | Self::BadId(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } | Self::LargeField(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Self::LongRequestLine(_) => StatusCode::URI_TOO_LONG,
            Self::LargeHeaders(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Busy { .. } | Self::Waited(_) | Self::Stopping | Self::NothingToExport => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            // The reference's status for a missing parameter, which its INSTALL tells people to look for.
            Self::NoUsers | Self::MissingParameter(_) | Self::Unusable(_) | Self::Internal(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.answer("with this time")
    }
}

impl From<BackendError> for HttpError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::BadInput(told) => Self::BadRequest(told),
            BackendError::Unusable(told) => Self::Unusable(told),
            BackendError::NoSpace => Self::NoSpace,
            BackendError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<Wait> for HttpError {
    fn from(wait: Wait) -> Self {
        Self::TooManyFailures(wait)
    }
}

impl From<JobError> for HttpError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Full { waiting, limit } => Self::Busy { waiting, limit },
            JobError::TimedOut(time) => Self::Waited(time),
            JobError::Panicked(_) => Self::Internal(error.to_string()),
        }
    }
}
