//! Plays Moodle's plugin: the same requests, fields in the same order, one connection each.
//!
//! Owns the wire as a client sees it. Must not know what a good answer is.

use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;

use super::DemoError;

/// Over this, curl asks the server's permission before it sends the body.
const ASKS_FIRST: usize = 1 << 20;

/// No answer of this server to the demo is larger.
const LARGEST_ANSWER: u64 = 1 << 30;

/// One Moodle model on the server: what its plugin calls `uniqueid` and `dirhash`.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) uniqueid: String,
    pub(super) dirhash: String,
}

/// What Moodle asks of an evaluation; its own defaults.
pub(super) const MIN_SCORE: &str = "0.7";
pub(super) const MAX_DEVIATION: &str = "0.05";
pub(super) const ITERATIONS: &str = "10";

/// A Moodle site that is configured to use the server.
pub(super) struct Moodle {
    agent: Agent,
    address: String,
    credentials: String,
    requests: std::cell::Cell<u32>,
}

impl Moodle {
    /// Points a site at the server. Name and password are of letters that an address may hold.
    pub(super) fn new(address: &str, user: &str, password: &str) -> Self {
        let agent = Agent::config_builder()
            .proxy(None) // a proxy from the environment cannot reach loopback
            .http_status_as_error(false)
            .max_idle_connections(0)
            .timeout_connect(Some(Duration::from_secs(30)))
            .user_agent(concat!("MoodleBot/5.0 (moodle-mlbackend demo ", env!("CARGO_PKG_VERSION"), ")"))
            .build()
            .new_agent();
        Self {
            agent,
            address: address.to_owned(),
            credentials: format!("{user}:{password}"),
            requests: std::cell::Cell::new(0),
        }
    }

    /// Asked without credentials, as Moodle does.
    pub(super) fn version(&self) -> Result<String, DemoError> {
        text(self.get(&format!("http://{}/version", self.address), "/version")?)
    }

    pub(super) fn train(&self, model: &Model, dataset: &str) -> Result<String, DemoError> {
        let form = self.form().model(model).file("dataset", "training.csv", dataset.as_bytes());
        text(self.post("/training", form)?)
    }

    pub(super) fn predict(&self, model: &Model, dataset: &str) -> Result<String, DemoError> {
        let form = self.form().model(model).file("dataset", "prediction.csv", dataset.as_bytes());
        text(self.post("/prediction", form)?)
    }

    pub(super) fn evaluate(&self, model: &Model, dataset: &str) -> Result<String, DemoError> {
        let form = self
            .form()
            .field("uniqueid", &model.uniqueid)
            .field("minscore", MIN_SCORE)
            .field("maxdeviation", MAX_DEVIATION)
            .field("niterations", ITERATIONS)
            .field("dirhash", &model.dirhash)
            .file("dataset", "evaluation.csv", dataset.as_bytes());
        text(self.post("/evaluation", form)?)
    }

    pub(super) fn evaluation_log(&self, model: &Model, run: u64) -> Result<Vec<u8>, DemoError> {
        let query = format!("uniqueid={}&dirhash={}&runid={run}", model.uniqueid, model.dirhash);
        self.get(&self.url(&format!("/evaluationlog?{query}")), "/evaluationlog")
    }

    pub(super) fn export(&self, model: &Model) -> Result<Vec<u8>, DemoError> {
        let query = format!("uniqueid={}&dirhash={}", model.uniqueid, model.dirhash);
        self.get(&self.url(&format!("/export?{query}")), "/export")
    }

    pub(super) fn import(&self, model: &Model, archive: &[u8]) -> Result<String, DemoError> {
        text(self.post("/import", self.form().model(model).file("importzip", "import.zip", archive))?)
    }

    pub(super) fn delete(&self, uniqueid: &str) -> Result<String, DemoError> {
        text(self.post("/deletemodel", self.form().field("uniqueid", uniqueid))?)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}@{}{path}", self.credentials, self.address)
    }

    fn form(&self) -> Form {
        self.requests.set(self.requests.get() + 1);
        Form::new(self.requests.get())
    }

    fn get(&self, url: &str, route: &'static str) -> Result<Vec<u8>, DemoError> {
        let request = self.agent.get(url).header("Accept-Encoding", "deflate, gzip, br, zstd");
        body(route, request.call())
    }

    fn post(&self, route: &'static str, form: Form) -> Result<Vec<u8>, DemoError> {
        let (kind, bytes) = form.finish();
        let mut request = self
            .agent
            .post(self.url(route))
            .header("Accept-Encoding", "deflate, gzip, br, zstd")
            .header("Content-Type", kind);
        if bytes.len() > ASKS_FIRST {
            request = request.header("Expect", "100-continue");
        }
        body(route, request.send(&bytes[..]))
    }
}

/// Only 200 counts for Moodle.
fn body(
    route: &'static str,
    answer: Result<Response<ureq::Body>, ureq::Error>,
) -> Result<Vec<u8>, DemoError> {
    let mut response = answer.map_err(|cause| DemoError::Unreachable { route, cause })?;
    let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
    let body = body.map_err(|cause| DemoError::Unreachable { route, cause })?;
    match response.status().as_u16() {
        200 => Ok(body),
        status => {
            Err(DemoError::Refused { route, status, body: String::from_utf8_lossy(&body).into_owned() })
        }
    }
}

fn text(body: Vec<u8>) -> Result<String, DemoError> {
    String::from_utf8(body).map_err(|_| DemoError::Surprise("An answer that should be text is not.".into()))
}

/// A `multipart/form-data` body as libcurl writes it.
struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    fn new(number: u32) -> Self {
        Self { boundary: format!("------------------------6d6f6f646c65{number:08x}"), body: Vec::new() }
    }

    fn model(self, model: &Model) -> Self {
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
        let opening = format!("--{}\r\nContent-Disposition: form-data; {head}\r\n\r\n", self.boundary);
        self.body.extend_from_slice(opening.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The content type and the body.
    fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_libcurl_writes_it() {
        let (kind, body) = Form::new(1).field("uniqueid", "ab").file("dataset", "d.csv", b"1,2\n").finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"uniqueid\"\r\n\r\nab\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"dataset\"; filename=\"d.csv\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n1,2\n\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body).expect("text"), expected);
    }
}
