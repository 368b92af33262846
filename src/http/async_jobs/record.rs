//! What is stored about an asynchronous job.
//!
//! Must not know where it is stored.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Actor;
use crate::http::error::HttpError;
use crate::http::operations::{Job, Task};

/// The id of a job: 32 hexadecimal digits that cannot be guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::http) struct JobId(String);

/// A job, without its files and its result. What it is about is named as on the disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::http) struct Record {
    pub(in crate::http) task: Task,
    pub(in crate::http) uniqueid: String,
    pub(in crate::http) dirhash: String,
    pub(in crate::http) actor: Actor,
    pub(in crate::http) requested: Timestamp,
    /// The SHA-256 of the dataset.
    pub(super) sha256: Option<String>,
    /// Whether it belongs to a request whose client waits for the result, and is not for the list of jobs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::http) is_hidden: bool,
    /// How it ended.
    pub(in crate::http) end: Option<End>,
}

/// The end of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::http) struct End {
    pub(in crate::http) ending: Ending,
    pub(in crate::http) time: Timestamp,
    /// The status that the route would have responded with.
    pub(in crate::http) status: Option<u16>,
    /// The sentence that it would have responded with.
    pub(in crate::http) error: Option<String>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum Ending {
    /// With a result.
    Done,
    /// With an error.
    Failed,
    /// It was cancelled, and has changed nothing.
    Cancelled,
}

impl JobId {
    /// A new id.
    ///
    /// # Errors
    /// Without random numbers, because an id must not be guessed.
    pub(super) fn new() -> Result<Self, HttpError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| HttpError::internal("making the id of a job", error))?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The id in a path, or the name of a directory.
    pub(in crate::http) fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub(in crate::http) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Record {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            task: job.task.clone(),
            uniqueid: job.key.id.as_str().to_owned(),
            dirhash: job.key.dir.as_str().to_owned(),
            actor: job.actor.clone(),
            requested: Timestamp::now(),
            sha256: job.files.dataset.sha256().map(hex::encode),
            is_hidden: false,
            end: None,
        }
    }

    /// A description as it is stored.
    ///
    /// # Errors
    /// If it is damaged.
    pub(super) fn read(json: &[u8]) -> Result<Self, HttpError> {
        serde_json::from_slice(json)
            .map_err(|error| HttpError::internal("reading the description of a job", error))
    }

    /// The name of the user that requested it.
    pub(in crate::http) fn user(&self) -> &str {
        self.actor.user()
    }
}

impl End {
    pub(super) fn done() -> Self {
        Self { ending: Ending::Done, time: Timestamp::now(), status: Some(200), error: None }
    }

    pub(super) fn of(error: &HttpError, request_id: &str) -> Self {
        use actix_web::ResponseError as _;
        let time = Timestamp::now();
        if matches!(error, HttpError::Cancelled) {
            return Self { ending: Ending::Cancelled, time, status: None, error: None };
        }
        let (status, error) = (error.status_code().as_u16(), error.message(request_id));
        Self { ending: Ending::Failed, time, status: Some(status), error: Some(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_path_and_is_new_each_time() {
        let id = JobId::new().expect("random numbers");
        assert_eq!(JobId::parse(id.as_str()).as_ref(), Some(&id));
        assert!(id != JobId::new().expect("random numbers"));
        for text in ["", "..", "0123456789abcdef", &"A".repeat(32), &"../".repeat(11)[..32]] {
            assert_eq!(JobId::parse(text), None, "{text}");
        }
    }
}
