//! The limits of a request's head: its first line and its headers.
//!
//! The HTTP library has parsed the head before. Its own limits are fixed (96 header lines, 128 KiB altogether) and its
//! response has an empty body. The limits here are lower, and the responses name them.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

use crate::http::error::HttpError;
use crate::units::ByteSize;

const MAX_REQUEST_LINE: ByteSize = ByteSize(16 << 10);
const MAX_HEADER_LINES: usize = 64;
const MAX_HEADERS: ByteSize = ByteSize(64 << 10);

/// Refuses a head that is too large.
pub(crate) fn check(request: &HttpRequest) -> Result<(), HttpError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let request_line = request.method().as_str().len() + target + " ".len() * 2 + "HTTP/1.1\r\n".len();
    if request_line as u64 > MAX_REQUEST_LINE.0 {
        return Err(HttpError::RequestLineTooLong(MAX_REQUEST_LINE));
    }
    let headers = request.headers();
    if headers.len() > MAX_HEADER_LINES {
        return Err(HttpError::TooManyHeaderLines(MAX_HEADER_LINES));
    }
    if headers.iter().map(line_bytes).sum::<u64>() > MAX_HEADERS.0 {
        return Err(HttpError::HeadersTooLarge(MAX_HEADERS));
    }
    Ok(())
}

fn line_bytes((name, value): (&HeaderName, &HeaderValue)) -> u64 {
    (name.as_str().len() + ": ".len() + value.len() + "\r\n".len()) as u64
}
