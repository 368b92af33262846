//! A request as the server keeps it, and how it is sent again.
//!
//! Must not know what the parameters mean. The file may have been changed by others: what it names is checked.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Cursor, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use ureq::{Agent, SendBody};

use super::error::ReplayError;
use super::reply::Reply;

/// A request as the server keeps it.
#[derive(Debug, Deserialize)]
pub(super) struct StashedRequest {
    pub(super) time: String,
    pub(super) method: String,
    pub(super) route: String,
    parameters: Vec<(String, String)>,
    file: Option<String>,
    #[serde(skip)]
    upload: Option<File>,
}

/// The name of the file in the directory of a request.
const FILE: &str = "request.json";

/// Routes that read only, besides all that are requested with GET.
const READING: [&str; 3] = ["/prediction", "/explanation", "/evaluation"];

impl StashedRequest {
    /// Reads a request and opens its file.
    pub(super) fn read(directory: &Path) -> Result<Self, ReplayError> {
        let path = directory.join(FILE);
        let text = fs::read(&path).map_err(|error| ReplayError::Read(path.clone(), error))?;
        let malformed = |reason: String| ReplayError::Malformed(path.clone(), reason);
        let mut request: Self =
            serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        request.check().map_err(malformed)?;
        if let Some(name) = &request.file {
            let upload = directory.join(name);
            let opened = File::open(&upload).map_err(|error| ReplayError::Read(upload, error))?;
            request.upload = Some(opened);
        }
        Ok(request)
    }

    fn check(&self) -> Result<(), String> {
        let is_path = |route: &str| {
            route.starts_with('/')
                && route.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.$%".contains(&byte))
        };
        if !["GET", "HEAD", "POST"].contains(&self.method.as_str()) {
            return Err("its method is none of GET, HEAD and POST".to_owned());
        }
        if !is_path(&self.route) {
            return Err("its route is not the path of a URL".to_owned());
        }
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        let names = self.parameters.iter().map(|(name, _)| name).chain(&self.file);
        match names.into_iter().find(|name| !is_name(name)) {
            Some(_) => Err("the name of a parameter or of the file has other characters than a-z".to_owned()),
            None => Ok(()),
        }
    }

    /// Method and route.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    /// Whether the server stores, replaces or deletes something.
    pub(super) fn changes_a_model(&self) -> bool {
        self.method == "POST" && !READING.contains(&self.route.as_str())
    }

    /// Sends it: parameters in the query string or, as Moodle does, in a multipart body with the file behind them.
    pub(super) fn send(
        &self,
        agent: &Agent,
        server: &str,
        authorization: Option<&str>,
    ) -> Result<Reply, ReplayError> {
        let url = format!("{server}{}", self.route);
        let no_response =
            |source| ReplayError::NoResponse { url: server.to_owned(), source: Box::new(source) };
        let response = if self.method == "POST" {
            let unreadable = |error| ReplayError::Read(FILE.into(), error);
            let boundary = format!("------------------------{}", random().map_err(unreadable)?);
            let (head, tail) = self.form(&boundary);
            let bytes = self.upload.as_ref().map(File::metadata).transpose().map_err(unreadable)?;
            let length = head.len() as u64 + bytes.map_or(0, |file| file.len()) + tail.len() as u64;
            let file: Box<dyn std::io::Read + '_> = match &self.upload {
                Some(file) => Box::new(file),
                None => Box::new(std::io::empty()),
            };
            let mut body = Cursor::new(head).chain(file).chain(Cursor::new(tail));
            let mut request = agent
                .post(url)
                .header("Content-Type", format!("multipart/form-data; boundary={boundary}"))
                .header("Content-Length", length.to_string());
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            request.send(SendBody::from_reader(&mut body))
        } else {
            let query = serde_urlencoded::to_string(&self.parameters).unwrap_or_default();
            let url = if query.is_empty() { url } else { format!("{url}?{query}") };
            let mut request = if self.method == "HEAD" { agent.head(url) } else { agent.get(url) };
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            request.call()
        };
        Reply::of(response.map_err(no_response)?)
    }

    /// The body before and behind the content of the file.
    fn form(&self, boundary: &str) -> (Vec<u8>, Vec<u8>) {
        let mut head = String::new();
        for (name, value) in &self.parameters {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        let mut tail = String::new();
        if let Some(name) = &self.file {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            tail += "\r\n";
        }
        let _ = write!(tail, "--{boundary}--\r\n");
        (head.into_bytes(), tail.into_bytes())
    }
}

/// A boundary that the file does not contain.
fn random() -> std::io::Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hex::encode(bytes))
}

/// The value of the header Authorization.
pub(in crate::cli) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn request(json: &str) -> Result<StashedRequest, ReplayError> {
        let directory = tempfile::tempdir().expect("a directory");
        let mut file = File::create_new(directory.path().join(FILE)).expect("created");
        std::io::Write::write_all(&mut file, json.as_bytes()).expect("written");
        StashedRequest::read(directory.path())
    }

    #[rstest]
    #[case::method(r#"{"time":"","method":"DELETE","route":"/a","parameters":[],"file":null}"#)]
    #[case::other_server(r#"{"time":"","method":"GET","route":"@evil/","parameters":[],"file":null}"#)]
    #[case::header(r#"{"time":"","method":"GET","route":"/a\r\nX: y","parameters":[],"file":null}"#)]
    #[case::path(r#"{"time":"","method":"POST","route":"/a","parameters":[],"file":"../x"}"#)]
    #[case::name(r#"{"time":"","method":"POST","route":"/a","parameters":[["a\"b",""]],"file":null}"#)]
    #[case::not_json("nonsense")]
    fn refuses_a_file_that_no_server_wrote(#[case] json: &str) {
        assert!(matches!(request(json), Err(ReplayError::Malformed(..))));
    }

    #[test]
    fn only_requests_that_store_or_delete_change_a_model() {
        let changes = |method: &str, route: &str| {
            let json =
                format!(r#"{{"time":"","method":"{method}","route":"{route}","parameters":[],"file":null}}"#);
            request(&json).expect("a request").changes_a_model()
        };
        assert!(
            changes("POST", "/training") && changes("POST", "/deletemodel") && changes("POST", "/import")
        );
        assert!(
            !changes("GET", "/export") && !changes("POST", "/prediction") && !changes("POST", "/evaluation")
        );
    }
}
