//! The reply to a replayed request, and its comparison with a recorded one.
//!
//! Owns the file of a recorded reply. Must not know what a reply means.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use ureq::Body;
use ureq::http::Response;

use super::error::ReplayError;
use crate::cli::output::{Force, Output};

/// The name of a recorded reply, beside the request.
const FILE: &str = "reply.json";

/// The largest reply that is read: more than any export or prediction.
const MAX_BYTES: u64 = 4 << 30;

/// Fields that differ from run to run.
const OF_A_RUN: [&str; 2] = ["runid", "dir"];

/// A reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// A recorded reply: the text of the body, or else its checksum.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recorded {
    status: u16,
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    sha256: String,
}

/// The result of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Same,
    /// Sentences.
    Different(Vec<String>),
}

impl Reply {
    /// Reads the response.
    pub(super) fn of(mut response: Response<Body>) -> Result<Self, ReplayError> {
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let body = response.body_mut().with_config().limit(MAX_BYTES).read_to_vec();
        let body = body.map_err(|error| ReplayError::Incomplete(Box::new(error)))?;
        Ok(Self { status: response.status().as_u16(), content_type, body })
    }

    /// The body, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.body).ok()?;
        (!text.contains('\0')).then_some(text)
    }

    /// The recorded reply beside a request.
    pub(super) fn recorded(directory: &Path) -> Result<Option<Recorded>, ReplayError> {
        let path = directory.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => {
                let parsed = serde_json::from_slice(&bytes);
                parsed.map(Some).map_err(|error| ReplayError::Malformed(path, error.to_string()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ReplayError::Read(path, error)),
        }
    }

    /// Stores it beside the request.
    pub(super) fn record(&self, directory: &Path, force: Force) -> Result<(), ReplayError> {
        let recorded = Recorded {
            status: self.status,
            content_type: self.content_type.clone(),
            body: self.text().map(str::to_owned),
            sha256: hex::encode(Sha256::digest(&self.body)),
        };
        let path = directory.join(FILE);
        let malformed = |error: serde_json::Error| ReplayError::Malformed(path.clone(), error.to_string());
        let bytes = serde_json::to_vec_pretty(&recorded).map_err(malformed)?;
        Ok(Output::File(path).write(force, &bytes)?)
    }
}

impl Recorded {
    /// Compares a new reply with this one.
    pub(super) fn compared(&self, reply: &Reply) -> Comparison {
        let mut differences = Vec::new();
        if self.status != reply.status {
            differences.push(format!("status {} instead of {}", reply.status, self.status));
        }
        if self.content_type != reply.content_type {
            let shown = |kind: &Option<String>| kind.clone().unwrap_or_else(|| "none".to_owned());
            differences.push(format!(
                "content type {} instead of {}",
                shown(&reply.content_type),
                shown(&self.content_type)
            ));
        }
        differences.extend(self.differences_of_body(reply));
        if differences.is_empty() { Comparison::Same } else { Comparison::Different(differences) }
    }

    fn differences_of_body(&self, reply: &Reply) -> Vec<String> {
        if self.sha256 == hex::encode(Sha256::digest(&reply.body)) {
            return Vec::new();
        }
        let parsed = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        match (parsed(self.body.as_deref()), parsed(reply.text())) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
                let differs = names
                    .filter(|name| !OF_A_RUN.contains(&name.as_str()) && old.get(*name) != new.get(*name));
                differs.map(|name| difference(name, old.get(name), new.get(name))).collect()
            }
            _ => vec!["another body".to_owned()],
        }
    }
}

/// A sentence about one field; of a list of predictions only their number and the first that differs.
fn difference(name: &str, old: Option<&Value>, new: Option<&Value>) -> String {
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    if let (Some(Value::Array(old)), Some(Value::Array(new))) = (old, new) {
        let count =
            old.iter().zip(new).filter(|(old, new)| old != new).count() + old.len().abs_diff(new.len());
        let first = (0..old.len().max(new.len())).find(|&at| old.get(at) != new.get(at)).unwrap_or_default();
        return format!(
            "{name}: {count} of {} entries, first {} instead of {}",
            old.len().max(new.len()),
            shown(new.get(first)),
            shown(old.get(first))
        );
    }
    format!("{name}: {} instead of {}", shown(new), shown(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, content_type: None, body: body.as_bytes().to_vec() }
    }

    fn compared(old: &str, new: &str) -> Comparison {
        let directory = tempfile::tempdir().expect("a directory");
        reply(200, old).record(directory.path(), Force { force: false }).expect("recorded");
        Reply::recorded(directory.path()).expect("readable").expect("there").compared(&reply(200, new))
    }

    #[test]
    fn white_space_and_the_number_of_a_run_make_no_difference() {
        assert_eq!(
            compared(r#"{"score":0.5,"runid":1}"#, r#"  {"score": 0.5, "runid": 2}"#),
            Comparison::Same
        );
    }

    #[test]
    fn differences_name_the_field_and_both_values() {
        let differences =
            compared(r#"{"status":0,"predictions":[["a","1"]]}"#, r#"{"status":2,"info":["x"]}"#);
        let Comparison::Different(sentences) = differences else { panic!("{differences:?}") };
        let text = sentences.join("\n");
        assert!(
            text.contains("status: 2 instead of 0") && text.contains("info: [\"x\"] instead of nothing"),
            "{text}"
        );
        let differences =
            compared(r#"{"predictions":[["a","1"],["b","1"]]}"#, r#"{"predictions":[["a","1"],["b","0"]]}"#);
        let Comparison::Different(sentences) = differences else { panic!("{differences:?}") };
        assert!(sentences[0].starts_with("predictions: 1 of 2 entries"), "{sentences:?}");
    }

    #[test]
    fn binary_bodies_are_compared_by_their_checksum() {
        assert_eq!(compared("PK\0a", "PK\0a"), Comparison::Same);
        assert_ne!(compared("PK\0a", "PK\0b"), Comparison::Same);
    }
}
