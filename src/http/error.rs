//! The one place that turns errors into a status and a sentence.
//!
//! Moodle shows the sentence to its administrator, so it contains the cause and the remedy. The causes of internal
//! errors go to the log only.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use super::connection::tls::TlsError;
use super::response::text;
use crate::auth::throttle::Wait;
use crate::backend::{self, BackendError};
use crate::config::{
    ADMINS, BodyRate, ConfigError, ISOLATE_USERS, KEEP_JOB_SECONDS, KEEP_JOBS, LOGIN_FAILURES,
    MAX_DISK_PER_USER, METRICS_USER, PUBLIC_URL, REDIS_URL, TEMP_DIR, USERS, VIEWERS,
};
use crate::dataset::{DatasetError, Dimension};
use crate::fs::is_no_space;
use crate::jobs::JobError;
use crate::queue::QueueError;
use crate::store::{IdError, StoreError};
use crate::telemetry::TelemetryError;
use crate::units::ByteSize;

/// Why the server could not start. The causes are in [`Error::source`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error("the data directory that MOODLE_MLBACKEND_PYTHON_DIR names cannot be used")]
    Store(#[from] StoreError),
    /// The queue cannot be used.
    #[error("the queue that {REDIS_URL} names cannot be used")]
    Queue(#[source] QueueError),
    /// A worker needs a queue.
    #[error(
        "a worker takes its jobs from a queue: set {REDIS_URL} (or its file {REDIS_URL}_FILE) to the address of the Redis server \
         that the server uses, for example redis://:PASSWORD@127.0.0.1:6379"
    )]
    NoQueue,
    /// The bucket cannot be used.
    #[error("the bucket that {variable} names cannot be used")]
    Bucket {
        /// The variable.
        variable: &'static str,
        /// The problem.
        source: StoreError,
    },
    /// A port cannot be opened.
    #[error("cannot listen on {address} (choose another port with --port or MOODLE_MLBACKEND_PORT)")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// A Unix socket cannot be opened.
    #[error("cannot listen on unix:{} (choose another path in an existing directory with --listen or MOODLE_MLBACKEND_LISTEN)", path.display())]
    BindUnix {
        /// The configured path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The sockets that systemd passes cannot be used.
    #[error("the sockets of LISTEN_FDS cannot be used: only listening TCP and Unix stream sockets can")]
    Inherited(#[source] io::Error),
    /// TLS cannot be used.
    #[error("cannot use TLS")]
    Tls(#[from] TlsError),
    /// The address belongs to another machine, or to none.
    #[error(
        "cannot listen on {}: this machine does not have this address. Set --host or MOODLE_MLBACKEND_HOST to 127.0.0.1, to \
         0.0.0.0 for all addresses, or to one that `ip address` lists", address.ip()
    )]
    ForeignAddress {
        /// The configured address.
        address: SocketAddr,
    },
    /// Nothing can be logged.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The port of the metrics cannot be opened.
    #[error("cannot serve metrics on {address} (choose another one with MOODLE_MLBACKEND_METRICS_LISTEN)")]
    BindMetrics {
        /// The configured address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The server failed.
    #[error("the server failed")]
    Server(#[source] io::Error),
}

impl StartError {
    /// The address cannot be listened on.
    pub(super) fn bind(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrNotAvailable => Self::ForeignAddress { address },
            _ => Self::Bind { address, source },
        }
    }
}

/// Why a request failed. `Display` is the response's body, except for internal errors.
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
    #[error(
        "This user may not read the metrics. Set {METRICS_USER} to the user that may, or \
         MOODLE_MLBACKEND_METRICS_LISTEN to an address for them."
    )]
    NotMetricsUser,
    #[error(
        "This user may only look at the list of models (GET /models): it is one of {VIEWERS}. Use another user, or remove it \
         there."
    )]
    Viewer,
    #[error("This needs a user that {ADMINS} names.")]
    NotAdmin,
    #[error(
        "This user may only see its own models: leave out the parameter user, or use a user that {ADMINS} names."
    )]
    OtherUser,
    #[error(
        "A page of another site sent this request, so it was refused. If it was a page of this server, set {PUBLIC_URL} to the \
         address that your browser shows, or have your proxy pass on the header Host."
    )]
    ForeignOrigin,
    #[error("The parameter user names no user of this server.")]
    NoSuchUser,
    #[error(
        "All users share all models on this server ({ISOLATE_USERS} is off): leave out the parameter user."
    )]
    SharedModels,
    #[error("No model is stored under this uniqueid and dirhash.")]
    NoSuchModel,
    #[error(
        "No job has this id: there was none, it is a job of another user, or it ended longer ago than {KEEP_JOB_SECONDS} or \
         {KEEP_JOBS} keep it."
    )]
    NoSuchJob,
    #[error("Another process of this server has this job, and it has not ended. Cancel it later.")]
    JobElsewhere,
    #[error(
        "The files of this user may take {quota} ({MAX_DISK_PER_USER}). They take {used:.1} already, and this request sends \
         {bytes:.1}. Delete models that are no longer needed, or raise the limit."
    )]
    DiskQuota { used: ByteSize, bytes: ByteSize, quota: ByteSize },
    #[error("No samples of this model are kept: it was imported, or never trained.")]
    NoSamples,
    #[error("There is nothing at this address. Give Moodle the server's host and port, without a path.")]
    NotFound,
    #[error("This address only accepts {0} requests.")]
    MethodNotAllowed(&'static str),
    #[error("The requested key {0} is not available.")]
    MissingParameter(&'static str),
    #[error("{0}")]
    BadRequest(String),
    #[error(transparent)]
    BadId(#[from] IdError),
    #[error(
        "The upload is too large: {part} may have at most {limit}. The server's {setting} sets this limit."
    )]
    FileTooLarge { part: &'static str, limit: ByteSize, setting: &'static str },
    #[error("A form field is too large: the limit is {0}.")]
    FieldTooLarge(ByteSize),
    #[error("The form has too many parts: the limit is {0}.")]
    TooManyParts(usize),
    #[error("The request line is too long: the limit is {0}.")]
    RequestLineTooLong(ByteSize),
    #[error("The request has too many header lines: the limit is {0}.")]
    TooManyHeaderLines(usize),
    #[error("The headers are too large: the limit is {0}.")]
    HeadersTooLarge(ByteSize),
    #[error("Send the request without a Content-Encoding: compressed requests are not supported.")]
    ContentEncoding,
    #[error("The request stopped before its end. Send it again.")]
    Incomplete,
    #[error(
        "The upload stopped or was too slow. The server waits at most {} s (MOODLE_MLBACKEND_STALL_SECONDS) while \
         fewer than {} a second arrive (MOODLE_MLBACKEND_SLOWEST_BYTES). Send it again.",
        .0.stall.as_secs(),
        ByteSize(.0.bytes_per_second)
    )]
    TooSlow(BodyRate),
    #[error("The server is busy: {waiting} requests are already queued ({limit}). {REPEAT}")]
    QueueFull { waiting: usize, limit: &'static str },
    #[error(
        "The server is busy: the uploads of queued trainings take up to {0} already (MOODLE_MLBACKEND_QUEUE_BYTES). \
         {REPEAT}"
    )]
    QueueBytes(ByteSize),
    #[error(
        "The server is busy: the request was queued for {} s (MOODLE_MLBACKEND_QUEUE_SECONDS). {REPEAT}",
        .0.as_secs()
    )]
    QueueTimeout(Duration),
    #[error("The server is stopping. {REPEAT}")]
    Stopping,
    #[error("The queue of the workers ({REDIS_URL}) cannot be reached. Send the request again in a minute.")]
    QueueAway,
    #[error(
        "The worker that did this ended unexpectedly, {0} times in a row, so the job was set aside and nothing was changed. Search \
         the log of the workers for this request: a crash or too little memory are common reasons."
    )]
    SetAside(u64),
    /// The error of a job that a worker did: its status and its sentence.
    #[error("{error}")]
    OfWorker { status: StatusCode, error: String },
    #[error("The job was cancelled. Nothing was changed.")]
    Cancelled,
    #[error("There is nothing to export.")]
    NothingToExport,
    #[error(transparent)]
    Backend(BackendError),
    #[error("{error} The server's {setting} sets this limit.")]
    DatasetTooLarge { error: BackendError, setting: &'static str },
    /// A fault of the server or of its machine; the text is for the log.
    #[error("{action}")]
    Internal {
        action: &'static str,
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
}

/// What happens to a refused request. Moodle has no retry: it keeps the samples, and sends them with newer ones.
const REPEAT: &str = "Repeat an evaluation in a minute; Moodle repeats a training or a prediction when another course has \
                      new data.";

/// After this many seconds a client should try a busy server again.
const RETRY_AFTER: &str = "60";

/// The encoding is that of RFC 7617.
const CHALLENGE: &str = "Basic realm=\"moodle-mlbackend\", charset=\"UTF-8\"";

impl HttpError {
    /// A fault of the server; `action` failed because of `cause`, and both go to the log only.
    pub(crate) fn internal(action: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { action, cause: cause.into() }
    }

    /// An upload could not be stored.
    pub(crate) fn upload(error: io::Error) -> Self {
        if !is_no_space(error.kind()) {
            return Self::internal("storing an upload", error);
        }
        tracing::error!(%error, "the disk is full: an upload cannot be stored in the directory of {TEMP_DIR}");
        Self::Backend(BackendError::NoSpace)
    }

    /// Whether the client must not see the error's text.
    pub(crate) fn is_internal(&self) -> bool {
        match self {
            Self::Internal { .. } => true,
            Self::Backend(error) => error.kind() == backend::ErrorKind::Internal,
            _ => false,
        }
    }

    /// Logs an internal error, which the client does not see.
    pub(crate) fn log(&self, request_id: &str) {
        if self.is_internal() {
            tracing::error!(id = request_id, cause = chain(self), "request failed");
        }
    }

    /// The sentence for the client; `request_id` is the request's name in the log.
    pub(crate) fn message(&self, request_id: &str) -> String {
        if self.is_internal() {
            format!("Something went wrong in the server. Search its log for the request {request_id}.")
        } else {
            self.to_string()
        }
    }

    /// The response; `request_id` is the request's name in the log.
    pub(crate) fn response(&self, request_id: &str) -> HttpResponse {
        self.with_headers(text(self.status_code(), self.message(request_id)))
    }

    /// Adds the headers that belong to the error.
    pub(super) fn with_headers(&self, mut response: HttpResponse) -> HttpResponse {
        let (name, value) = match self {
            Self::NoCredentials | Self::WrongCredentials => {
                (header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
            }
            Self::MethodNotAllowed(allow) => (header::ALLOW, HeaderValue::from_static(allow)),
            Self::TooManyFailures(wait) => (header::RETRY_AFTER, HeaderValue::from(wait.seconds())),
            Self::QueueFull { .. }
            | Self::QueueBytes(_)
            | Self::QueueTimeout(_)
            | Self::QueueAway
            | Self::Stopping
            | Self::OfWorker { status: StatusCode::SERVICE_UNAVAILABLE, .. } => {
                (header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER))
            }
            Self::Backend(error) if error.kind() == backend::ErrorKind::Unavailable => {
                (header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER))
            }
            _ => return response,
        };
        response.headers_mut().insert(name, value);
        response
    }
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::NotMetricsUser | Self::Viewer | Self::NotAdmin | Self::OtherUser | Self::ForeignOrigin => {
                StatusCode::FORBIDDEN
            }
            Self::NoSuchUser
            | Self::SharedModels
            | Self::NoSuchModel
            | Self::NoSuchJob
            | Self::NoSamples
            | Self::NotFound => StatusCode::NOT_FOUND,
            Self::DiskQuota { .. } => StatusCode::INSUFFICIENT_STORAGE,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyFailures(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadRequest(_)
            | Self::BadId(_)
            | Self::Incomplete
            | Self::TooManyParts(_)
            | Self::DatasetTooLarge { .. } => StatusCode::BAD_REQUEST,
            Self::FileTooLarge { .. } | Self::FieldTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::RequestLineTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::TooManyHeaderLines(_) | Self::HeadersTooLarge(_) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::QueueFull { .. }
            | Self::QueueBytes(_)
            | Self::QueueTimeout(_)
            | Self::QueueAway
            | Self::Stopping
            | Self::NothingToExport => StatusCode::SERVICE_UNAVAILABLE,
            Self::Cancelled | Self::JobElsewhere => StatusCode::CONFLICT,
            Self::Backend(error) => match error.kind() {
                backend::ErrorKind::BadInput => StatusCode::BAD_REQUEST,
                backend::ErrorKind::Conflict
                | backend::ErrorKind::Cancelled
                | backend::ErrorKind::NotTrained
                | backend::ErrorKind::NoBackground => StatusCode::CONFLICT,
                backend::ErrorKind::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
                backend::ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                backend::ErrorKind::UnusableModel | backend::ErrorKind::Internal => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            },
            Self::OfWorker { status, .. } => *status,
            // For a missing parameter this is the Python server's status, which its installation guide names.
            Self::NoUsers | Self::MissingParameter(_) | Self::SetAside(_) | Self::Internal { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.response("with this time")
    }
}

/// A dataset does not know which setting limits it.
impl From<BackendError> for HttpError {
    fn from(error: BackendError) -> Self {
        let BackendError::Dataset(DatasetError::TooLarge { what, .. }) = error else {
            return if matches!(error, BackendError::Cancelled) {
                Self::Cancelled
            } else {
                Self::Backend(error)
            };
        };
        let setting = match what {
            Dimension::Samples => "MOODLE_MLBACKEND_MAX_ROWS",
            Dimension::Features => "MOODLE_MLBACKEND_MAX_COLUMNS",
            Dimension::Classes => "MOODLE_MLBACKEND_MAX_CLASSES",
        };
        Self::DatasetTooLarge { error, setting }
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
            JobError::Full { waiting, limit } => Self::QueueFull { waiting, limit },
            JobError::TooManyBytes { limit } => Self::QueueBytes(ByteSize(limit)),
            JobError::TimedOut(time) => Self::QueueTimeout(time),
            JobError::Cancelled => Self::Cancelled,
            JobError::Panicked(_) => Self::internal("running a job", error),
        }
    }
}

/// An error and its causes. A cause that the text before it already includes is not repeated.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut last = error;
    while let Some(cause) = last.source() {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        last = cause;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_logged_with_all_its_causes() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(
            chain(&HttpError::internal("storing an upload", full())),
            "storing an upload: no storage space"
        );
        assert_eq!(chain(&StartError::Server(full())), "the server failed: no storage space");
    }
}
