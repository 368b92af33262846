//! A signed-in user of the dashboard, who sends requests as a browser does.
//!
//! Must not assert what a page shows: the tests do.

use super::client::{Form, Reply, Request};
use super::server::TestServer;

/// A user with a session.
pub struct Visitor<'a> {
    server: &'a TestServer,
    pub cookie: String,
}

impl<'a> Visitor<'a> {
    /// Signs in; the password of a user is `pw-` and its name, and `b` for `a`.
    #[track_caller]
    pub fn new(server: &'a TestServer, user: &str) -> Self {
        let password = if user == "a" { "b".to_owned() } else { format!("pw-{user}") };
        let reply = sign_in(server, user, &password);
        assert_eq!(reply.status, 303, "{}", reply.text());
        Self { server, cookie: cookie(&reply).expect("a session") }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send(Request::new("GET", path))
    }

    /// Sends a form of a page of the same server.
    pub fn post(&self, path: &str, fields: &str) -> Reply {
        self.send(Request::new("POST", path).header("Origin", "http://127.0.0.1").urlencoded(fields))
    }

    /// Sends a form with a file.
    pub fn upload(&self, path: &str, form: &Form) -> Reply {
        self.send(Request::new("POST", path).header("Origin", "http://127.0.0.1").form(form))
    }

    pub fn send(&self, request: Request) -> Reply {
        self.server.send(&request.header("Cookie", &self.cookie))
    }
}

/// Sends the form of the sign-in.
pub fn sign_in(server: &TestServer, user: &str, password: &str) -> Reply {
    let fields = format!("user={user}&password={password}");
    server.send(&Request::new("POST", "/dashboard/sign-in").urlencoded(&fields))
}

/// The session that a response sets, as a request sends it.
pub fn cookie(reply: &Reply) -> Option<String> {
    let lines = reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let mut values = lines.filter_map(|(_, value)| value.split(';').next());
    values.find(|value| value.starts_with("mlbackend_session=") && !value.ends_with('=')).map(str::to_owned)
}
