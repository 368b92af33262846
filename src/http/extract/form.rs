//! The parameters and the file of a request, from its query string and its body.
//!
//! Owns the limits on a body. Must not know what the parameters mean. Files go
//! to disk chunk by chunk; nothing here holds more than a field in memory.

mod multipart;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, web};
use futures_util::{Stream, StreamExt};

use crate::config::{BodyRate, UploadLimits};
use crate::http::connection::backpressure::{ReadGate, wanted};
use crate::http::connection::body_rate::{is_too_slow, paced};
use crate::http::error::HttpError;
use crate::http::spool::Spool;
use crate::http::state::AppState;
use crate::http::uploads::Upload;
use crate::units::ByteSize;

/// What the headers and the boundary of one part may take in a body.
const PART_OVERHEAD: u64 = 4096;
const MAX_FIELD_BYTES: u64 = 64 << 10;
const MAX_PARTS: usize = 32;

/// The file part that a route asks for.
#[derive(Clone, Copy)]
pub(crate) struct FilePart {
    pub(crate) name: &'static str,
    pub(crate) limit: u64,
    pub(crate) setting: &'static str,
}

impl FilePart {
    pub(crate) fn dataset(limits: &UploadLimits) -> Self {
        Self { name: "dataset", limit: limits.dataset_bytes, setting: "MOODLE_MLBACKEND_MAX_DATASET_BYTES" }
    }

    pub(crate) fn archive(limits: &UploadLimits) -> Self {
        Self { name: "importzip", limit: limits.archive_bytes, setting: "MOODLE_MLBACKEND_MAX_ARCHIVE_BYTES" }
    }

    fn too_large(&self) -> HttpError {
        HttpError::TooLarge { what: self.name, limit: ByteSize(self.limit), setting: self.setting }
    }
}

/// What a request says; the query comes before the form, in the order of arrival.
pub(crate) struct Form {
    values: Vec<(String, String)>,
    file: Option<(FilePart, Option<Upload>)>,
}

impl Form {
    /// Reads the query string alone.
    pub(crate) fn of_query(request: &HttpRequest) -> Self {
        Self::of_pairs(request.query_string().as_bytes())
    }

    /// The pairs of a query string.
    pub(crate) fn of_pairs(text: &[u8]) -> Self {
        Self { values: pairs(text), file: None }
    }

    /// Reads the query string and the body; the file part `wanted` goes to disk.
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        state: &AppState,
        wanted: Option<FilePart>,
    ) -> Result<Self, HttpError> {
        Self::read_within(request, payload, state.body_rate, &state.spool, wanted).await
    }

    /// The same with limits, and a place for files, of one's own.
    pub(crate) async fn read_within(
        request: &HttpRequest,
        payload: web::Payload,
        body_rate: BodyRate,
        spool: &Spool,
        wanted: Option<FilePart>,
    ) -> Result<Self, HttpError> {
        let headers = request.headers();
        refuse_encoded(headers)?;
        let read_gate = request.conn_data::<ReadGate>().cloned();
        let body = Body { body_rate, wanted, cap: cap(wanted), read_gate };
        body.check_announced(headers)?;
        let mut form = Self::of_query(request);
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut file = None;
        if kind == "application/x-www-form-urlencoded" {
            form.values.extend(body.urlencoded(payload).await?);
            Body::check_parts(form.values.len())?;
        } else if kind == "multipart/form-data" {
            let (values, found) = body.multipart(headers, payload, spool).await?;
            form.values.extend(values);
            file = found;
        }
        form.file = wanted.map(|wanted| (wanted, file));
        Ok(form)
    }

    /// The first value of that name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The uploaded file, for whoever only looks at it.
    pub(crate) fn upload(&self) -> Option<(&'static str, &Upload)> {
        self.file.as_ref().and_then(|(part, upload)| Some((part.name, upload.as_ref()?)))
    }

    /// The uploaded file.
    pub(crate) fn into_file(self) -> Result<Upload, HttpError> {
        match self.file {
            Some((_, Some(upload))) => Ok(upload),
            Some((part, None)) => Err(HttpError::BadRequest(format!(
                "The file {name} is missing: send it as the part {name} of a multipart/form-data body.",
                name = part.name
            ))),
            None => Err(HttpError::internal("reading a form", "the route asks for no file")),
        }
    }
}

/// The most bytes that a body within the limits can have.
fn cap(wanted: Option<FilePart>) -> u64 {
    let fields = (MAX_FIELD_BYTES + PART_OVERHEAD) * MAX_PARTS as u64;
    fields.saturating_add(wanted.map_or(0, |wanted| wanted.limit))
}

pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), HttpError> {
    let plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).all(|value| plain(value.as_bytes())) {
        Ok(())
    } else {
        Err(HttpError::Encoded)
    }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    // Any bytes are a query of some kind: this cannot fail for pairs of strings.
    serde_urlencoded::from_bytes(text).unwrap_or_default()
}

/// How one body is read.
#[allow(clippy::struct_field_names, reason = "the rate of the body")]
struct Body {
    body_rate: BodyRate,
    wanted: Option<FilePart>,
    cap: u64,
    /// Where a connection learns that it is waited for.
    read_gate: Option<ReadGate>,
}

impl Body {
    /// Refuses what announces itself as too large before a byte of it is read.
    fn check_announced(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.cap) { Err(self.too_large()) } else { Ok(()) }
    }

    /// The body's chunks; an error when they are too many or come too slowly.
    fn arriving(
        &self,
        payload: web::Payload,
    ) -> impl Stream<Item = Result<web::Bytes, PayloadError>> + Unpin + use<> {
        let cap = self.cap;
        let mut seen = 0_u64;
        paced(wanted(self.read_gate.clone(), payload), self.body_rate).map(move |chunk| {
            let chunk = chunk?;
            seen = seen.saturating_add(chunk.len() as u64);
            if seen > cap { Err(PayloadError::Overflow) } else { Ok(chunk) }
        })
    }

    async fn urlencoded(&self, payload: web::Payload) -> Result<Vec<(String, String)>, HttpError> {
        let mut chunks = self.arriving(payload);
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend_from_slice(&chunk.map_err(|error| self.broken(&error))?);
            if text.len() as u64 > MAX_FIELD_BYTES {
                return Err(Self::field_too_large());
            }
        }
        Ok(pairs(&text))
    }

    fn check_parts(count: usize) -> Result<(), HttpError> {
        if count <= MAX_PARTS {
            return Ok(());
        }
        Err(HttpError::BadRequest(format!("The form has more than {MAX_PARTS} parts.")))
    }

    fn too_large(&self) -> HttpError {
        self.wanted.map_or_else(Self::field_too_large, |wanted| wanted.too_large())
    }

    fn field_too_large() -> HttpError {
        HttpError::LargeField(ByteSize(MAX_FIELD_BYTES))
    }

    fn broken(&self, error: &PayloadError) -> HttpError {
        match error {
            PayloadError::Overflow => self.too_large(),
            error if is_too_slow(error) => HttpError::TooSlow(self.body_rate),
            _ => HttpError::BadRequest("The request stopped before its end. Send it again.".to_owned()),
        }
    }
}
