//! A client that sends the requests of Moodle's plugin: the same fields in the same order, a connection for each.
//!
//! Owns the client's side of the protocol. Must not know which responses are expected.

use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;

use super::error::{DemoError, unexpected};

/// Above this size, curl sends `Expect: 100-continue` before the body.
const EXPECT_CONTINUE_ABOVE: usize = 1 << 20;

/// The largest response that the demo reads.
const MAX_RESPONSE_BYTES: u64 = 1 << 30;

/// The key of a model: Moodle's `uniqueid` and `dirhash`.
#[derive(Debug, Clone)]
pub(super) struct ModelId {
    pub(super) uniqueid: String,
    pub(super) dirhash: String,
}

/// Parameters of an evaluation; Moodle's defaults.
pub(super) const MIN_SCORE: &str = "0.7";
pub(super) const MAX_DEVIATION: &str = "0.05";
pub(super) const ITERATIONS: &str = "10";

/// A Moodle site that is connected to the server.
pub(super) struct Moodle {
    agent: Agent,
    address: String,
    credentials: String,
}

impl Moodle {
    /// Connects a site to the server. Name and password must need no escaping in a URL.
    pub(super) fn new(address: &str, user: &str, password: &str) -> Self {
        let agent = Agent::config_builder()
            .proxy(None) // a proxy from the environment cannot reach loopback
            .http_status_as_error(false)
            .max_idle_connections(0)
            .timeout_connect(Some(Duration::from_secs(30)))
            .user_agent(concat!("MoodleBot/5.0 (moodle-mlbackend demo ", env!("CARGO_PKG_VERSION"), ")"))
            .build()
            .new_agent();
        Self { agent, address: address.to_owned(), credentials: format!("{user}:{password}") }
    }

    /// Sent without credentials, as Moodle does.
    pub(super) fn version(&self) -> Result<String, DemoError> {
        text(self.get(&format!("http://{}/version", self.address), "/version")?)
    }

    pub(super) fn train(&self, model: &ModelId, dataset: &str) -> Result<String, DemoError> {
        self.post(
            "/training",
            Form::default().model(model).file("dataset", "training.csv", dataset.as_bytes()),
        )
    }

    pub(super) fn predict(&self, model: &ModelId, dataset: &str) -> Result<String, DemoError> {
        self.post(
            "/prediction",
            Form::default().model(model).file("dataset", "prediction.csv", dataset.as_bytes()),
        )
    }

    pub(super) fn evaluate(&self, model: &ModelId, dataset: &str) -> Result<String, DemoError> {
        let form = Form::default()
            .field("uniqueid", &model.uniqueid)
            .field("minscore", MIN_SCORE)
            .field("maxdeviation", MAX_DEVIATION)
            .field("niterations", ITERATIONS)
            .field("dirhash", &model.dirhash)
            .file("dataset", "evaluation.csv", dataset.as_bytes());
        self.post("/evaluation", form)
    }

    pub(super) fn evaluation_log(&self, model: &ModelId, run: u64) -> Result<Vec<u8>, DemoError> {
        let query = format!("uniqueid={}&dirhash={}&runid={run}", model.uniqueid, model.dirhash);
        self.get(&self.url(&format!("/evaluationlog?{query}")), "/evaluationlog")
    }

    pub(super) fn export(&self, model: &ModelId) -> Result<Vec<u8>, DemoError> {
        let query = format!("uniqueid={}&dirhash={}", model.uniqueid, model.dirhash);
        self.get(&self.url(&format!("/export?{query}")), "/export")
    }

    pub(super) fn import(&self, model: &ModelId, archive: &[u8]) -> Result<String, DemoError> {
        self.post("/import", Form::default().model(model).file("importzip", "import.zip", archive))
    }

    pub(super) fn delete(&self, uniqueid: &str) -> Result<String, DemoError> {
        self.post("/deletemodel", Form::default().field("uniqueid", uniqueid))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}@{}{path}", self.credentials, self.address)
    }

    fn get(&self, url: &str, route: &'static str) -> Result<Vec<u8>, DemoError> {
        let request = self.agent.get(url).header("Accept-Encoding", "deflate, gzip, br, zstd");
        body(route, request.call())
    }

    fn post(&self, route: &'static str, form: Form) -> Result<String, DemoError> {
        let (kind, bytes) = form.finish();
        let mut request = self
            .agent
            .post(self.url(route))
            .header("Accept-Encoding", "deflate, gzip, br, zstd")
            .header("Content-Type", kind);
        if bytes.len() > EXPECT_CONTINUE_ABOVE {
            request = request.header("Expect", "100-continue");
        }
        text(body(route, request.send(&bytes[..]))?)
    }
}

/// The body of a response with status 200; Moodle accepts no other status.
fn body(
    route: &'static str,
    response: Result<Response<ureq::Body>, ureq::Error>,
) -> Result<Vec<u8>, DemoError> {
    let mut response = response.map_err(|source| DemoError::Request { route, source })?;
    let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec();
    let body = body.map_err(|source| DemoError::Request { route, source })?;
    match response.status().as_u16() {
        200 => Ok(body),
        status => Err(DemoError::Refused { route, status, body: String::from_utf8_lossy(&body).into() }),
    }
}

fn text(body: Vec<u8>) -> Result<String, DemoError> {
    String::from_utf8(body).or_else(|_| unexpected("A response is not valid UTF-8."))
}

/// A `multipart/form-data` body, formatted as by libcurl.
#[derive(Default)]
struct Form(Vec<u8>);

/// Neither datasets nor archives contain it: it has the length of libcurl's.
const BOUNDARY: &str = "------------------------6d6f6f646c65666f726d3031";

impl Form {
    fn model(self, model: &ModelId) -> Self {
        self.field("uniqueid", &model.uniqueid).field("dirhash", &model.dirhash)
    }

    fn field(self, name: &str, value: &str) -> Self {
        self.part(&format!("name=\"{name}\""), value.as_bytes())
    }

    fn file(self, name: &str, filename: &str, content: &[u8]) -> Self {
        let head =
            format!("name=\"{name}\"; filename=\"{filename}\"\r\nContent-Type: application/octet-stream");
        self.part(&head, content)
    }

    fn part(mut self, head: &str, content: &[u8]) -> Self {
        let opening = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        self.0.extend([opening.as_bytes(), content, b"\r\n"].concat());
        self
    }

    /// The content type and the body.
    fn finish(mut self) -> (String, Vec<u8>) {
        self.0.extend(format!("--{BOUNDARY}--\r\n").bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_a_form_as_libcurl_does() {
        let (kind, body) =
            Form::default().field("uniqueid", "ab").file("dataset", "d.csv", b"1,2\n").finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"uniqueid\"\r\n\r\nab\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"dataset\"; filename=\"d.csv\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n1,2\n\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body).expect("text"), expected);
    }
}
