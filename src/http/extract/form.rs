//! The parameters and the files of a request, from its query string and its body.
//!
//! Owns the limits on a body. Must not know what the parameters mean. Long files are written to disk chunk by
//! chunk: at most one field and one buffer are in memory.

mod multipart;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};
use futures_util::{Stream, StreamExt};

use crate::backend::Upload;
use crate::config::{BodyRate, UploadLimits};
use crate::http::connection::backpressure::{ReadGate, gated};
use crate::http::connection::body_rate::{is_too_slow, with_min_rate};
use crate::http::error::HttpError;
use crate::http::uploads::Uploads;
use crate::telemetry::metrics::{Guard, metrics};
use crate::units::ByteSize;

/// The size of one form field.
const MAX_FIELD: ByteSize = ByteSize(64 << 10);
/// Fields and files in one form.
const MAX_PARTS: usize = 32;
/// Allowance for the headers and the boundary of one part.
const PART_OVERHEAD: u64 = 4096;
/// All fields of a body together.
const MAX_FIELDS: u64 = (MAX_FIELD.0 + PART_OVERHEAD) * MAX_PARTS as u64;

/// The file part that a route expects.
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

    /// The samples that an explanation compares with, which are optional.
    pub(crate) fn background(limits: &UploadLimits) -> Self {
        Self { name: BACKGROUND, ..Self::dataset(limits) }
    }

    fn too_large(&self) -> HttpError {
        HttpError::FileTooLarge { part: self.name, limit: ByteSize(self.limit), setting: self.setting }
    }
}

/// The part with the samples that an explanation compares with.
const BACKGROUND: &str = "background";

/// The values of the query string, then those of the body, in the order of arrival.
type Values = Vec<(String, String)>;

/// The expected files, in their order, with what was received.
type Files = Vec<(FilePart, Option<Upload>)>;

/// The parameters and the files of a request.
pub(crate) struct Form {
    values: Values,
    files: Files,
}

impl Form {
    /// The pairs of a query string.
    pub(crate) fn of_query(text: &[u8]) -> Self {
        Self { values: pairs(text), files: Vec::new() }
    }

    /// Reads the query string and the body. The file parts go to disk.
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: Payload,
        uploads: &Uploads,
        body_rate: BodyRate,
        file_parts: impl IntoIterator<Item = FilePart>,
    ) -> Result<Self, HttpError> {
        let headers = request.headers();
        refuse_encoded(headers)?;
        let mut form = Self::of_query(request.query_string().as_bytes());
        let read_gate = request.conn_data::<ReadGate>().cloned();
        let file_parts = file_parts.into_iter().collect();
        let body = Body { uploads, min_rate: body_rate, file_parts, read_gate };
        body.check_content_length(headers)?;
        form.files = body.expected_files();
        match request.content_type().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                form.values.extend(body.urlencoded(payload).await?);
                check_parts(form.values.len())?;
            }
            "multipart/form-data" => {
                let (values, files) = body.multipart(headers, payload).await?;
                form.values.extend(values);
                form.files = files;
            }
            _ => {}
        }
        Ok(form)
    }

    /// The first value of that name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The names of the file parts, and the uploaded files.
    pub(crate) fn uploads(&self) -> impl Iterator<Item = (&'static str, &Upload)> {
        self.files.iter().filter_map(|(part, upload)| Some((part.name, upload.as_ref()?)))
    }

    /// Takes the background out of the form, if one was sent.
    pub(crate) fn take_background(&mut self) -> Option<Upload> {
        self.files.iter_mut().find(|(part, _)| part.name == BACKGROUND)?.1.take()
    }

    /// Takes the first file, which the route needs, out of the form.
    pub(crate) fn into_upload(self) -> Result<Upload, HttpError> {
        match self.files.into_iter().next() {
            Some((_, Some(upload))) => Ok(upload),
            Some((FilePart { name, .. }, None)) => Err(HttpError::BadRequest(format!(
                "The file {name} is missing: send it as the part {name}, with a file name, of a multipart/form-data body."
            ))),
            None => Err(HttpError::internal("reading a form", "the route has no file part")),
        }
    }
}

/// The announced length of a body.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn refuse_encoded(headers: &HeaderMap) -> Result<(), HttpError> {
    let is_plain = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).all(|value| is_plain(value.as_bytes())) {
        Ok(())
    } else {
        Err(HttpError::ContentEncoding)
    }
}

fn pairs(text: &[u8]) -> Values {
    // All bytes are a valid query string: this cannot fail for pairs of strings.
    serde_urlencoded::from_bytes(text).unwrap_or_default()
}

fn check_parts(count: usize) -> Result<(), HttpError> {
    if count <= MAX_PARTS { Ok(()) } else { Err(HttpError::TooManyParts(MAX_PARTS)) }
}

/// How one body is read.
struct Body<'a> {
    uploads: &'a Uploads,
    min_rate: BodyRate,
    file_parts: Vec<FilePart>,
    /// Opens the connection for more of the body when it is needed.
    read_gate: Option<ReadGate>,
}

impl Body<'_> {
    fn expected_files(&self) -> Files {
        self.file_parts.iter().map(|&part| (part, None)).collect()
    }

    /// The largest body that is within the limits of its parts.
    fn max_bytes(&self) -> u64 {
        self.file_parts.iter().fold(MAX_FIELDS, |sum, part| sum.saturating_add(part.limit))
    }

    /// Refuses a body that is announced as too large before any of it is read.
    fn check_content_length(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        if content_length(headers).is_some_and(|length| length > self.max_bytes()) {
            Err(self.too_large())
        } else {
            Ok(())
        }
    }

    /// The body's chunks; ends with an error if the body is too large or too slow.
    fn chunks(&self, payload: Payload) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin + use<> {
        let max_bytes = self.max_bytes();
        let mut received = 0_u64;
        with_min_rate(gated(self.read_gate.clone(), payload), self.min_rate).map(move |chunk| {
            let chunk = chunk?;
            received = received.saturating_add(chunk.len() as u64);
            if received > max_bytes { Err(PayloadError::Overflow) } else { Ok(chunk) }
        })
    }

    async fn urlencoded(&self, payload: Payload) -> Result<Values, HttpError> {
        let mut chunks = self.chunks(payload);
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend_from_slice(&chunk.map_err(|error| self.payload_error(&error))?);
            if text.len() as u64 > MAX_FIELD.0 {
                return Err(HttpError::FieldTooLarge(MAX_FIELD));
            }
        }
        Ok(pairs(&text))
    }

    fn too_large(&self) -> HttpError {
        self.file_parts.first().map_or(HttpError::FieldTooLarge(MAX_FIELD), FilePart::too_large)
    }

    fn payload_error(&self, error: &PayloadError) -> HttpError {
        match error {
            PayloadError::Overflow => self.too_large(),
            error if is_too_slow(error) => {
                metrics().connection_closed(Guard::SlowBody);
                HttpError::TooSlow(self.min_rate)
            }
            _ => HttpError::Incomplete,
        }
    }
}
