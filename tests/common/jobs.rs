//! Asynchronous jobs, as a client that scripts the server uses them.

use serde_json::Value;

use super::client::{Form, Reply, Request};
use super::server::TestServer;

/// A user of the server; its password is `pw-NAME`, or `b` for the user `a`.
#[derive(Clone, Copy)]
pub struct JobClient<'a> {
    server: &'a TestServer,
    user: &'a str,
}

impl<'a> JobClient<'a> {
    pub fn new(server: &'a TestServer, user: &'a str) -> Self {
        Self { server, user }
    }

    pub fn send(self, request: Request) -> Reply {
        let password = if self.user == "a" { "b".to_owned() } else { format!("pw-{}", self.user) };
        self.server.send(&request.credentials(self.user, &password))
    }

    /// A request that prefers an asynchronous response.
    pub fn post(self, route: &str, form: &Form) -> Reply {
        self.send(Request::new("POST", route).header("Prefer", "respond-async").form(form))
    }

    /// The same, which has to be accepted; the id of the job.
    #[track_caller]
    pub fn start(self, route: &str, form: &Form) -> String {
        let reply = self.post(route, form);
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    pub fn get(self, path: &str) -> Reply {
        self.send(Request::new("GET", path))
    }

    /// The job now.
    #[track_caller]
    pub fn job(self, id: &str) -> Value {
        let reply = self.get(&format!("/jobs/{id}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// The job when it has ended.
    #[track_caller]
    pub fn ended(self, id: &str) -> Value {
        loop {
            let request = Request::new("GET", &format!("/jobs/{id}")).header("Prefer", "wait=60");
            let job = self.send(request).json();
            if !job["ended"].is_null() {
                return job;
            }
            assert!(
                job["state"] == "queued" || job["state"] == "running" || job["state"] == "cancelled",
                "{job}"
            );
        }
    }

    pub fn delete(self, id: &str) -> Reply {
        self.send(Request::new("DELETE", &format!("/jobs/{id}")))
    }
}
