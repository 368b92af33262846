//! Requests about asynchronous jobs, and what the server responds.
//!
//! Must not know how jobs are shown.

use std::io;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::cli::replay::basic;

/// The variable with the password: an argument could be read by other users of the machine.
const PASSWORD: &str = "MOODLE_MLBACKEND_JOBS_PASSWORD";
/// How long a response may take, in addition to the time that the server is asked to wait.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A reply with its predictions can be long.
const MAX_BYTES: u64 = 1 << 30;
/// The pages of a list, of which each has 200 jobs: more is no list.
const MAX_PAGES: usize = 500;

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobsError {
    #[error("There is no password: {source}. Set the variable {variable}.", variable = PASSWORD)]
    NoPassword { source: io::Error },
    #[error("The variable {PASSWORD} is not UTF-8 text.")]
    PasswordText,
    #[error("{url} does not respond: {source}. Check that the server runs, and its address and port.")]
    NoResponse { url: String, source: Box<ureq::Error> },
    #[error("{0}")]
    Refused(String),
    #[error("The response of {0} is not that of this server: it has status {1}.")]
    OtherProgram(String, u16),
}

/// A server, and the credentials for it.
pub(super) struct Client {
    agent: Agent,
    url: String,
    authorization: String,
}

/// A job as the server describes it.
pub(super) struct Job {
    pub(super) document: Value,
}

impl Client {
    pub(super) fn new(url: &str, user: &str) -> Result<Self, JobsError> {
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // The variables http_proxy and https_proxy are for connections to other machines.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("moodle-mlbackend jobs ", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, url: url.to_owned(), authorization: basic(user, &password(user)?) })
    }

    /// All jobs, page by page.
    pub(super) fn list(&self) -> Result<Vec<Job>, JobsError> {
        let (mut jobs, mut query) = (Vec::new(), "per_page=200".to_owned());
        for _ in 0..MAX_PAGES {
            let response = self.send("GET", &format!("/jobs?{query}"), None)?;
            let next = next_page(response.headers().get("link").and_then(|link| link.to_str().ok()));
            let page = self.json(response)?;
            let found = page.get("jobs").and_then(Value::as_array).cloned().unwrap_or_default();
            jobs.extend(found.into_iter().map(|document| Job { document }));
            match next {
                Some(next) => query = next,
                None => break,
            }
        }
        Ok(jobs)
    }

    /// One job; the server responds when it has ended, at the latest after `wait` seconds.
    pub(super) fn job(&self, id: &str, wait: Option<u64>) -> Result<Job, JobsError> {
        let response = self.send("GET", &format!("/jobs/{id}"), wait)?;
        Ok(Job { document: self.json(response)? })
    }

    /// Cancels a job; `None` if it had ended and is removed.
    pub(super) fn cancel(&self, id: &str) -> Result<Option<Job>, JobsError> {
        let response = self.send("DELETE", &format!("/jobs/{id}"), None)?;
        if response.status().as_u16() == 204 {
            return Ok(None);
        }
        Ok(Some(Job { document: self.json(response)? }))
    }

    fn send(&self, method: &str, path: &str, wait: Option<u64>) -> Result<Response<Body>, JobsError> {
        let url = format!("{}{path}", self.url);
        let mut request = if method == "DELETE" { self.agent.delete(url) } else { self.agent.get(url) };
        request = request.header("Authorization", &self.authorization);
        if let Some(wait) = wait {
            request = request.header("Prefer", format!("wait={wait}"));
        }
        request
            .call()
            .map_err(|source| JobsError::NoResponse { url: self.url.clone(), source: Box::new(source) })
    }

    /// The document of a response, or its error.
    fn json(&self, mut response: Response<Body>) -> Result<Value, JobsError> {
        let status = response.status();
        let bytes = response.body_mut().with_config().limit(MAX_BYTES).read_to_vec();
        let bytes = bytes
            .map_err(|source| JobsError::NoResponse { url: self.url.clone(), source: Box::new(source) })?;
        let json: Option<Value> = serde_json::from_slice(&bytes).ok();
        let detail = json.as_ref().and_then(|problem| problem.get("detail")?.as_str());
        match json {
            Some(json) if status.is_success() => Ok(json),
            Some(_) if detail.is_some() => Err(JobsError::Refused(detail.unwrap_or_default().to_owned())),
            _ => Err(JobsError::OtherProgram(self.url.clone(), status.as_u16())),
        }
    }
}

impl Job {
    /// A field that is a text; empty if it is none.
    pub(super) fn text(&self, field: &str) -> &str {
        self.document.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn state(&self) -> &str {
        self.text("state")
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.state(), "queued" | "running")
    }

    pub(super) fn is_negative(&self) -> bool {
        matches!(self.state(), "failed" | "cancelled")
    }

    /// The phase of a running job.
    pub(super) fn phase(&self) -> Option<&str> {
        self.document.get("progress")?.get("phase")?.as_str()
    }

    /// About which part of it is done, from 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        let progress = self.document.get("progress");
        let done = progress.and_then(|progress| progress.get("done")?.as_f64());
        done.unwrap_or(if self.has_ended() { 1.0 } else { 0.0 }).clamp(0.0, 1.0)
    }
}

/// The query string of the next page in a header `Link`.
fn next_page(link: Option<&str>) -> Option<String> {
    let next = link?.split(", ").find(|link| link.ends_with("rel=\"next\""))?;
    let address = next.strip_prefix('<')?.split('>').next()?;
    Some(address.split_once('?')?.1.to_owned())
}

/// From the variable, or prompted for.
fn password(user: &str) -> Result<String, JobsError> {
    if let Some(password) = std::env::var_os(PASSWORD).filter(|password| !password.is_empty()) {
        return password.into_string().map_err(|_| JobsError::PasswordText);
    }
    rpassword::prompt_password(format!("Password for {user}: "))
        .map_err(|source| JobsError::NoPassword { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_that_of_the_header_link() {
        let link = "</ml/jobs?per_page=2&cursor=after%3A1%2Fa>; rel=\"next\", </ml/jobs?cursor=after%3A>; rel=\"first\"";
        assert_eq!(next_page(Some(link)).as_deref(), Some("per_page=2&cursor=after%3A1%2Fa"));
        assert_eq!(next_page(Some("</jobs?cursor=before%3A>; rel=\"last\"")), None);
        assert_eq!(next_page(None), None);
    }
}
