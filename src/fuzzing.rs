//! Entry points for untrusted bytes: what a client can send before it becomes a typed request, one function each.
//!
//! For fuzz targets and tests only; not part of the library's interface.

use std::time::Duration;

use actix_web::ResponseError;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::test::TestRequest;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::backend::EvaluationInfo;
use crate::config::BodyRate;
use crate::http::error::HttpError;
use crate::http::extract::form::{FilePart, Form};
use crate::http::extract::params;
use crate::http::extract::tenant::Tenant;
use crate::http::middleware::basic_auth;
use crate::http::uploads::Uploads;

/// The user and password of an `Authorization` header.
#[must_use]
pub fn authorization(header: &[u8]) -> Option<(String, String)> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(header).ok()?);
    basic_auth::read(&headers).map(|credentials| {
        let password =
            credentials.passwords.first().map(|password| String::from_utf8_lossy(password).into_owned());
        (credentials.name, password.unwrap_or_default())
    })
}

/// Reads a query string as all routes do; returns how many of the five kinds of parameters it holds.
#[must_use]
pub fn query(text: &[u8]) -> usize {
    count_parameters(&Form::of_query(text))
}

/// Reads a body of a content type as `/training` does; returns how many kinds of parameters it holds, or the status
/// and the sentence of the error.
pub fn form(content_type: &str, body: &[u8]) -> Result<usize, (u16, String)> {
    READER.with(|reader| {
        let form = reader.runtime.block_on(reader.read(content_type, body));
        form.map(|form| count_parameters(&form))
            .map_err(|error| (error.status_code().as_u16(), error.to_string()))
    })
}

fn count_parameters(form: &Form) -> usize {
    let tenant = Tenant::shared();
    let valid = [
        params::model_key(form, &tenant).is_ok(),
        params::model_id(form, &tenant).is_ok(),
        params::trained_dir(form).is_ok(),
        params::evaluation(form, 1_000, EvaluationInfo::Full).is_ok(),
        params::run(form).is_ok(),
    ];
    valid.into_iter().filter(|valid| *valid).count()
}

thread_local! {
    static READER: FormReader = FormReader::new();
}

/// Reads bodies as the server does.
struct FormReader {
    runtime: Runtime,
    uploads: Uploads,
    _dir: TempDir,
}

const DATASET: FilePart =
    FilePart { name: "dataset", limit: 1 << 20, setting: "MOODLE_MLBACKEND_MAX_DATASET_BYTES" };

const BODY_RATE: BodyRate = BodyRate { stall: Duration::from_mins(1), bytes_per_second: 1 };

impl FormReader {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let dir = tempfile::tempdir().expect("a test has a temporary directory");
        let uploads = Uploads::open(dir.path());
        Self { runtime: runtime.expect("a test has threads"), uploads, _dir: dir }
    }

    async fn read(&self, content_type: &str, body: &[u8]) -> Result<Form, HttpError> {
        let mut request = TestRequest::post().set_payload(body.to_vec());
        if let Ok(content_type) = HeaderValue::from_str(content_type) {
            request = request.insert_header((CONTENT_TYPE, content_type));
        }
        let (request, payload) = request.to_http_parts();
        Form::read(&request, payload, &self.uploads, BODY_RATE, Some(DATASET)).await
    }
}
