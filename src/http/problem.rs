//! Errors of the routes that Moodle does not use, as problem details (RFC 9457).
//!
//! Owns the type, the title and the remedy of each kind of error; its status and its sentence are those of [`HttpError`].
//! Moodle's routes respond with the sentence alone, which Moodle shows to its administrator.

use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::HttpError;
use crate::backend;

/// The media type of problem details.
pub(super) const CONTENT_TYPE: &str = "application/problem+json";

/// An error, as RFC 9457 describes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/docs#no-such-model", "title": "No such model", "status": 404,
    "detail": "No model is stored under this uniqueid and dirhash.", "instance": "5b1f7a2c9d0e4f36",
    "remedy": "Compare the ids with those of GET /models."
}))]
pub(crate) struct Problem {
    /// Identifies the kind of the error; also the address of its description.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of the error in a few words.
    title: &'static str,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was wrong, with the limit if there is one.
    detail: String,
    /// The id of the request in the server's log, as in the header `X-Request-Id`.
    instance: String,
    /// What to do.
    remedy: &'static str,
}

/// Whether the errors of this path are problem details.
pub(super) fn applies_to(path: &str) -> bool {
    let is_at = |root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_at("/models") || is_at("/jobs")
}

/// The response to an error; `prefix` is the path below which a proxy publishes the server.
pub(super) fn response(error: &HttpError, request_id: &str, prefix: &str) -> HttpResponse {
    let Kind { name, title, remedy } = kind(error);
    let status = error.status_code();
    let problem = Problem {
        kind: format!("{prefix}/docs#{name}"),
        title,
        status: status.as_u16(),
        detail: error.message(request_id),
        instance: request_id.to_owned(),
        remedy,
    };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    error.with_headers(HttpResponse::build(status).content_type(CONTENT_TYPE).body(body))
}

/// A kind of errors.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) remedy: &'static str,
}

const fn new(name: &'static str, title: &'static str, remedy: &'static str) -> Kind {
    Kind { name, title, remedy }
}

const NO_CREDENTIALS: Kind = new(
    "credentials-missing",
    "Credentials are missing",
    "Send user and password with HTTP Basic authentication.",
);
const WRONG_CREDENTIALS: Kind = new(
    "credentials-wrong",
    "Credentials are wrong",
    "Send a user and its password of the server's MOODLE_MLBACKEND_PYTHON_USERS.",
);
const TOO_MANY_FAILURES: Kind =
    new("too-many-failures", "Too many failed logins", "Wait for the seconds in the header Retry-After.");
const NO_USERS: Kind =
    new("no-users", "The server has no users", "Set MOODLE_MLBACKEND_PYTHON_USERS and restart it.");
const NOT_PERMITTED: Kind = new(
    "not-permitted",
    "Not permitted",
    "Use a user with another role: MOODLE_MLBACKEND_ADMINS and MOODLE_MLBACKEND_VIEWERS name those that have one.",
);
const FOREIGN_ORIGIN: Kind = new(
    "foreign-origin",
    "Sent by another site",
    "Send requests from a program, or from a page of this server: see MOODLE_MLBACKEND_PUBLIC_URL.",
);
const INVALID: Kind = new(
    "invalid-request",
    "Invalid request",
    "Correct the parameter that the detail names; /docs describes it.",
);
const NO_ADDRESS: Kind = new("no-such-address", "No such address", "Use an address that /docs lists.");
const NO_METHOD: Kind = new("method-not-allowed", "Method not allowed", "Use a method of the header Allow.");
const NO_MODEL: Kind = new("no-such-model", "No such model", "Compare the ids with those of GET /models.");
const NO_USER: Kind =
    new("no-such-user", "No such user", "Leave out the parameter user, or name a user of the server.");
const NO_SAMPLES: Kind = new(
    "no-samples",
    "No samples are kept",
    "Train the model here: samples of imported models are on the server that trained them.",
);
const NO_GENERATION: Kind = new(
    "no-such-generation",
    "No such generation",
    "Choose a generation of GET /models/{uniqueid}/{dirhash} that is not current. MOODLE_MLBACKEND_KEEP_GENERATIONS sets \
     how many are kept.",
);
const UNUSABLE: Kind = new(
    "unusable-model",
    "The model cannot be used",
    "Run \"moodle-mlbackend check\" on the server, or restore the model from a backup.",
);
const DISK_FULL: Kind =
    new("disk-full", "The disk is full", "Free space on the server's disk and repeat the request.");
const BUSY: Kind =
    new("busy", "The server is busy", "Repeat the request after the seconds in the header Retry-After.");
const TOO_LARGE: Kind =
    new("request-too-large", "The request is too large", "Shorten what the detail names.");
const NO_JOB: Kind = new("no-such-job", "No such job", "Compare the id with those of GET /jobs.");
const JOB_CONFLICT: Kind = new(
    "job-conflict",
    "The state of the job does not permit this",
    "Look at the job with GET /jobs/{id} and repeat the request in a minute.",
);
const DISK_QUOTA: Kind = new(
    "disk-quota",
    "The user's share of the disk is used up",
    "Delete models of this user, or raise MOODLE_MLBACKEND_MAX_DISK_PER_USER.",
);
const INTERNAL: Kind = new(
    "internal-error",
    "Internal error",
    "Search the server's log for the request id and report the error.",
);

/// All kinds, for the documentation.
pub(super) const KINDS: [Kind; 21] = [
    NO_CREDENTIALS,
    WRONG_CREDENTIALS,
    TOO_MANY_FAILURES,
    NO_USERS,
    NOT_PERMITTED,
    FOREIGN_ORIGIN,
    INVALID,
    NO_ADDRESS,
    NO_METHOD,
    NO_MODEL,
    NO_USER,
    NO_SAMPLES,
    NO_GENERATION,
    UNUSABLE,
    DISK_FULL,
    BUSY,
    TOO_LARGE,
    NO_JOB,
    JOB_CONFLICT,
    DISK_QUOTA,
    INTERNAL,
];

fn kind(error: &HttpError) -> Kind {
    match error {
        HttpError::NoCredentials => NO_CREDENTIALS,
        HttpError::WrongCredentials => WRONG_CREDENTIALS,
        HttpError::TooManyFailures(_) => TOO_MANY_FAILURES,
        HttpError::NoUsers => NO_USERS,
        HttpError::NotMetricsUser | HttpError::Viewer | HttpError::NotAdmin | HttpError::OtherUser => {
            NOT_PERMITTED
        }
        HttpError::ForeignOrigin => FOREIGN_ORIGIN,
        HttpError::NotFound => NO_ADDRESS,
        HttpError::MethodNotAllowed(_) => NO_METHOD,
        HttpError::NoSuchModel | HttpError::NothingToExport => NO_MODEL,
        HttpError::NoSuchUser | HttpError::SharedModels => NO_USER,
        HttpError::NoSamples => NO_SAMPLES,
        HttpError::NoSuchJob => NO_JOB,
        HttpError::JobElsewhere | HttpError::Cancelled => JOB_CONFLICT,
        HttpError::DiskQuota { .. } => DISK_QUOTA,
        HttpError::QueueFull { .. }
        | HttpError::QueueBytes(_)
        | HttpError::QueueTimeout(_)
        | HttpError::QueueAway
        | HttpError::Stopping => BUSY,
        HttpError::FileTooLarge { .. }
        | HttpError::FieldTooLarge(_)
        | HttpError::TooManyParts(_)
        | HttpError::RequestLineTooLong(_)
        | HttpError::TooManyHeaderLines(_)
        | HttpError::HeadersTooLarge(_) => TOO_LARGE,
        HttpError::MissingParameter(_)
        | HttpError::BadRequest(_)
        | HttpError::BadId(_)
        | HttpError::ContentEncoding
        | HttpError::Incomplete
        | HttpError::TooSlow(_)
        | HttpError::DatasetTooLarge { .. } => INVALID,
        HttpError::SetAside(_) | HttpError::OfWorker { .. } | HttpError::Internal { .. } => INTERNAL,
        HttpError::Backend(error) => match error.kind() {
            backend::ErrorKind::BadInput => INVALID,
            // The last two are errors of /explanation, whose errors are sentences.
            backend::ErrorKind::Conflict
            | backend::ErrorKind::NotTrained
            | backend::ErrorKind::NoBackground => NO_GENERATION,
            backend::ErrorKind::UnusableModel => UNUSABLE,
            backend::ErrorKind::NoSpace => DISK_FULL,
            backend::ErrorKind::Unavailable => BUSY,
            backend::ErrorKind::Cancelled => JOB_CONFLICT,
            backend::ErrorKind::Internal => INTERNAL,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_decides_about_the_form_of_errors() {
        for path in ["/models", "/models/", "/models/m/d", "/models/m/d/samples", "/jobs", "/jobs/x"] {
            assert!(applies_to(path), "{path}");
        }
        for path in ["/", "/training", "/modelsx", "/model", "/export", "/jobsx"] {
            assert!(!applies_to(path), "{path}");
        }
    }
}
