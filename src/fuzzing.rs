//! The ways in for bytes that anybody may send before they become a typed request, one function each.
//!
//! For those who try any bytes: fuzz targets and tests. No part of the library's interface.

use std::cell::OnceCell;
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::test::TestRequest;
use actix_web::{FromRequest, ResponseError, web};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::config::{BodyRate, UploadLimits};
use crate::http::error::HttpError;
use crate::http::extract::form::{FilePart, Form};
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::middleware::basic_auth;
use crate::http::spool::Spool;

/// The user and password that an `Authorization` header holds.
#[must_use]
pub fn authorization(header: &[u8]) -> Option<(String, String)> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(header).ok()?);
    basic_auth::read(&headers)
}

/// Reads a query string as every route does; how many of the five kinds of parameters it holds.
#[must_use]
pub fn query(text: &[u8]) -> usize {
    let form = Form::of_pairs(text);
    parameters(&form)
}

/// Reads a body of a content type as `/training` does; how many kinds of parameters it holds, or the status
/// and the sentence that it is refused with.
pub fn form(kind: &str, body: &[u8]) -> Result<usize, (u16, String)> {
    DESK.with(|desk| {
        let desk = desk.get_or_init(Desk::new);
        let read = desk.runtime.block_on(desk.read(kind, body));
        read.map(|form| parameters(&form)).map_err(|error| (error.status_code().as_u16(), error.to_string()))
    })
}

fn parameters(form: &Form) -> usize {
    let tenant = Tenant::sharing();
    let read = [
        params::model_key(form, &tenant).is_ok(),
        params::model_id(form, &tenant).is_ok(),
        params::trained_dir(form).is_ok(),
        params::evaluation(form, 1_000).is_ok(),
        params::run(form).is_ok(),
    ];
    read.into_iter().filter(|read| *read).count()
}

thread_local! {
    static DESK: OnceCell<Desk> = const { OnceCell::new() };
}

/// What reading a body needs around it.
struct Desk {
    runtime: Runtime,
    spool: Spool,
    _dir: TempDir,
}

const LIMITS: UploadLimits = UploadLimits { dataset_bytes: 1 << 20, archive_bytes: 1 << 20 };

const BODY_RATE: BodyRate = BodyRate { stall: Duration::from_mins(1), bytes_per_second: 1 };

impl Desk {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let dir = tempfile::tempdir().expect("a test has a temporary directory");
        let spool = Spool::open(dir.path()).expect("a new directory can be written to");
        Self { runtime: runtime.expect("a test has threads"), spool, _dir: dir }
    }

    async fn read(&self, kind: &str, body: &[u8]) -> Result<Form, HttpError> {
        let mut request = TestRequest::post().set_payload(body.to_vec());
        if let Ok(kind) = HeaderValue::from_str(kind) {
            request = request.insert_header((CONTENT_TYPE, kind));
        }
        let (request, mut payload) = request.to_http_parts();
        let payload = web::Payload::from_request(&request, &mut payload).await;
        let payload = payload.map_err(|error| HttpError::internal("reading a body", error))?;
        let file = Some(FilePart::dataset(&LIMITS));
        Form::read_within(&request, payload, BODY_RATE, &self.spool, file).await
    }
}
