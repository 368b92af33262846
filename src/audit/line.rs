//! One line of the audit trail.
//!
//! Owns the fields. Must not know where lines are stored.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::operation::Operation;
use super::outcome::Outcome;
use crate::store::{DirHash, ModelId, ModelKey};

/// The address of operations that were not requested over HTTP.
const LOCAL: &str = "local";

/// The person or program that started an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    user: String,
    address: String,
    request: Option<String>,
}

impl Actor {
    /// A user of the server, with the address of the client and the id of the request.
    #[must_use]
    pub fn remote(user: &str, address: IpAddr, request: &str) -> Self {
        Self { user: user.to_owned(), address: address.to_string(), request: Some(request.to_owned()) }
    }

    /// The name of the user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The id of the request.
    #[must_use]
    pub fn request(&self) -> Option<&str> {
        self.request.as_deref()
    }

    /// A user of this machine.
    #[must_use]
    pub fn local(user: String) -> Self {
        Self { user, address: LOCAL.to_owned(), request: None }
    }
}

/// An operation before it has begun: what is done, to which model, with which upload, and for whom.
///
/// ```
/// use moodle_mlbackend::audit::{Actor, Operation, Subject};
/// use moodle_mlbackend::store::ModelId;
///
/// let actor = Actor::remote("moodle", [192, 0, 2, 7].into(), "0123456789abcdef");
/// let deletion = Subject::new(Operation::Deletion, actor).with_id(&ModelId::new("m1")?);
/// # let _ = deletion;
/// # Ok::<(), moodle_mlbackend::store::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub(super) operation: Operation,
    actor: Actor,
    uniqueid: Option<String>,
    dirhash: Option<String>,
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Subject {
    /// An operation that concerns no model in particular.
    #[must_use]
    pub fn new(operation: Operation, actor: Actor) -> Self {
        Self { operation, actor, uniqueid: None, dirhash: None, bytes: None, sha256: None }
    }

    /// The same for all models under an id.
    #[must_use]
    pub fn with_id(self, id: &ModelId) -> Self {
        Self { uniqueid: Some(id.as_str().to_owned()), ..self }
    }

    /// The same for one model.
    #[must_use]
    pub fn with_model(self, id: &ModelId, dir: &DirHash) -> Self {
        Self { dirhash: Some(dir.as_str().to_owned()), ..self.with_id(id) }
    }

    /// The same for one model.
    #[must_use]
    pub fn with_key(self, key: &ModelKey) -> Self {
        self.with_model(&key.id, &key.dir)
    }

    /// Adds the size of the upload in bytes, and its SHA-256.
    #[must_use]
    pub fn with_upload(self, bytes: Option<u64>, sha256: Option<&[u8; 32]>) -> Self {
        Self { bytes, sha256: sha256.map(hex::encode), ..self }
    }
}

/// What a line says about its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It is about to change something.
    Began,
    /// It has ended; a line `began` precedes.
    Ended,
    /// It has ended and changed nothing; there is no other line.
    Done,
    /// Its process ended first.
    Interrupted,
}

/// One line. Its time is set when it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// UTC, in milliseconds.
    #[serde(serialize_with = "in_milliseconds")]
    pub time: Timestamp,
    /// What it says.
    pub event: Event,
    /// The operation.
    pub operation: Operation,
    /// The user: of the server, or of this machine if the address is `local`.
    pub user: String,
    /// The client's address, or `local`.
    pub address: String,
    /// The `uniqueid`, with the tenant's prefix as in the data directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uniqueid: Option<String>,
    /// The `dirhash`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dirhash: Option<String>,
    /// How it ended.
    #[serde(flatten, skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// The size of the upload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
    /// The SHA-256 of the upload, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// The id of the request, as in the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
    /// Joins the lines of one operation: the process, a point and a number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
}

impl Line {
    pub(super) fn new(subject: Subject, event: Event, outcome: Option<Outcome>, id: Option<String>) -> Self {
        let Subject { operation, actor, uniqueid, dirhash, bytes, sha256 } = subject;
        let Actor { user, address, request } = actor;
        Self {
            time: Timestamp::UNIX_EPOCH,
            event,
            operation,
            user,
            address,
            uniqueid,
            dirhash,
            outcome,
            bytes,
            sha256,
            request,
            id,
        }
    }

    /// The last line of the operation whose first line this is.
    pub(super) fn ended(self, event: Event, outcome: Outcome) -> Self {
        Self { event, outcome: Some(outcome), ..self }
    }

    /// `uniqueid/dirhash`, as far as the operation concerns one model.
    #[must_use]
    pub fn model(&self) -> Option<String> {
        let id = self.uniqueid.as_ref()?;
        Some(self.dirhash.as_ref().map_or_else(|| id.clone(), |hash| format!("{id}/{hash}")))
    }
}

/// Always three digits, so that texts have the order of times.
fn in_milliseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Verdict;

    #[test]
    fn a_line_is_one_line_of_json_whatever_the_name_of_the_user_is() {
        let actor = Actor::remote("a\n\"\u{1b}[31m\u{2028}", [192, 0, 2, 7].into(), "id");
        let outcome = Outcome::error(Verdict::Refused, "bad input").with_status(400);
        let line = Line::new(Subject::new(Operation::Training, actor), Event::Done, Some(outcome), None);
        let json = serde_json::to_string(&line).expect("JSON");
        assert!(!json.contains(['\n', '\u{1b}']), "{json}");
        assert_eq!(serde_json::from_str::<Line>(&json).expect("a line"), line);
        let began = Line { outcome: None, ..line };
        let json = serde_json::to_string(&began).expect("JSON");
        assert!(!json.contains("result"), "{json}");
        assert_eq!(serde_json::from_str::<Line>(&json).expect("a line"), began);
    }
}
