//! How large the head of a request may be: its first line and its headers.
//!
//! The HTTP library has read it by then. It has limits of its own, which cannot be set and which it
//! answers without a word: 96 header lines, 128 KiB altogether. Those here are lower.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

use crate::config::HeadLimits;
use crate::http::error::HttpError;

/// Refuses a head that is larger than the settings allow.
pub(crate) fn check(request: &HttpRequest, limits: &HeadLimits) -> Result<(), HttpError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let first_line = request.method().as_str().len() + target + " ".len() * 2 + "HTTP/1.1\r\n".len();
    if first_line as u64 > limits.request_line.0 {
        return Err(HttpError::LongRequestLine(limits.request_line));
    }
    let headers = request.headers();
    if headers.len() > limits.lines {
        let (limit, setting) = (format!("{} lines", limits.lines), "MOODLE_MLBACKEND_MAX_HEADER_LINES");
        return Err(HttpError::LargeHeaders { limit, setting });
    }
    if headers.iter().map(line_bytes).sum::<u64>() > limits.bytes.0 {
        let (limit, setting) = (limits.bytes.to_string(), "MOODLE_MLBACKEND_MAX_HEADER_BYTES");
        return Err(HttpError::LargeHeaders { limit, setting });
    }
    Ok(())
}

fn line_bytes((name, value): (&HeaderName, &HeaderValue)) -> u64 {
    (name.as_str().len() + ": ".len() + value.len() + "\r\n".len()) as u64
}
