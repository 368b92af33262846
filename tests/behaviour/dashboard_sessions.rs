//! Signing in to the dashboard, and what ends a session.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Authority, Launch, Request, TestServer, Visitor, cookie, sign_in, until};

const FORM: &str = "name=\"password\"";

fn set_cookie(reply: &crate::common::Reply) -> String {
    reply.header("set-cookie").expect("a cookie").to_owned()
}

#[test]
fn a_page_without_a_session_leads_to_the_form_and_back() {
    let server = TestServer::start();
    for path in ["/dashboard", "/dashboard/models", "/dashboard/models/m/d?user=x"] {
        let reply = server.send(&Request::new("GET", path));
        assert_eq!(reply.status, 303, "{path}");
        let location = reply.header("location").expect("a place");
        assert!(location.starts_with("/dashboard/sign-in"), "{location}");
        let form = server.send(&Request::new("GET", location));
        assert!(form.status == 200 && form.text().contains(FORM), "{}", form.status);
        if path != "/dashboard" {
            assert!(form.text().contains(&format!("value=\"{path}\"")), "{}", form.text());
        }
    }
    let fields = "user=a&password=b&next=%2Fdashboard%2Fmodels%3Fq%3D1";
    let reply = server.send(&Request::new("POST", "/dashboard/sign-in").urlencoded(fields));
    assert_eq!((reply.status, reply.header("location")), (303, Some("/dashboard/models?q=1")));
    let fields = "user=a&password=b&next=https%3A%2F%2Fevil.example%2Fdashboard";
    let reply = server.send(&Request::new("POST", "/dashboard/sign-in").urlencoded(fields));
    assert_eq!(reply.header("location"), Some("/dashboard"), "a place elsewhere is not followed");
}

#[test]
fn a_link_on_another_site_reaches_the_page_of_a_user_that_is_signed_in() {
    let server = TestServer::start();
    // The browser leaves the cookie out.
    let reply = server
        .send(&Request::new("GET", "/dashboard/models?q=a&sort=-id").header("Sec-Fetch-Site", "cross-site"));
    assert_eq!(reply.status, 200);
    assert!(
        reply.text().contains("http-equiv=\"refresh\" content=\"0; url=/dashboard/models?q=a&amp;sort=-id\""),
        "{}",
        reply.text()
    );
}

#[test]
fn the_cookie_is_unreadable_for_scripts_and_other_sites() {
    let server = Launch::new().arg("--url-prefix").arg("/ml").start();
    let reply = sign_in(&server, "a", "b");
    let line = set_cookie(&reply);
    for attribute in ["; Path=/ml/dashboard; ", "; HttpOnly", "; SameSite=Strict", "; Max-Age=7200"] {
        assert!(line.contains(attribute), "{line}");
    }
    assert!(!line.contains("Secure"), "a browser would not send it over plain HTTP: {line}");
    assert_eq!(reply.header("location"), Some("/ml/dashboard"));
    let with_prefix =
        Request::new("GET", "/ml/dashboard").header("Cookie", &cookie(&reply).expect("a session"));
    assert!(server.send(&with_prefix).text().contains("href=\"/ml/dashboard/models\""));
}

#[test]
fn the_cookie_is_secure_behind_tls_and_behind_a_trusted_proxy_with_tls() {
    let https = Request::new("POST", "/dashboard/sign-in").header("X-Forwarded-Proto", "https");
    let https = https.urlencoded("user=a&password=b");
    let trusted = Launch::new().env("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1").start();
    assert!(set_cookie(&trusted.send(&https)).ends_with("; Secure"));
    assert!(!set_cookie(&TestServer::start().send(&https)).contains("Secure"));
    let Some(authority) = Authority::new("the_cookie_is_secure_behind_tls") else { return };
    let server = Launch::new().with_tls(&authority, &authority.issue("server", 90)).start();
    assert!(set_cookie(&sign_in(&server, "a", "b")).ends_with("; Secure"));
}

#[test]
fn a_wrong_password_is_refused_and_throttled_as_on_the_other_routes() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "2").start();
    for _ in 0..2 {
        let reply = sign_in(&server, "a", "wrong");
        assert_eq!((reply.status, cookie(&reply)), (403, None));
        assert!(reply.text().contains("The user or the password is wrong."), "{}", reply.text());
        assert_eq!(reply.header("www-authenticate"), None);
        assert!(!reply.text().contains("wrong\""), "the password is not repeated");
    }
    assert_eq!(sign_in(&server, "a", "b").status, 429);
    assert_eq!(server.get("/models").status, 429);
}

#[test]
fn a_forged_or_changed_cookie_is_no_session() {
    let server = TestServer::start();
    let visitor = Visitor::new(&server, "a");
    assert_eq!(visitor.get("/dashboard").status, 200);
    let other = Visitor::new(&TestServer::start(), "a").cookie;
    let mut changed = visitor.cookie.clone();
    let last = if changed.ends_with('A') { 'B' } else { 'A' };
    changed.replace_range(30..31, &last.to_string());
    for cookie in [&other, &changed, "mlbackend_session=", "mlbackend_session=a.b.c.1.2.d", "other=1"] {
        let reply = server.send(&Request::new("GET", "/dashboard").header("Cookie", cookie));
        assert_eq!(reply.status, 303, "{cookie}");
    }
    // A cookie of the same name that another page has set does not hide the session.
    let both = format!("mlbackend_session=x; {}", visitor.cookie);
    assert_eq!(server.send(&Request::new("GET", "/dashboard").header("Cookie", &both)).status, 200);
}

#[test]
fn signing_out_ends_the_session_for_copies_of_the_cookie_too_and_after_a_restart() {
    let server = TestServer::start();
    let visitor = Visitor::new(&server, "a");
    let other = Visitor::new(&server, "a").cookie;
    let reply = visitor.post("/dashboard/sign-out", "");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/dashboard/sign-in?done=sign-out")));
    assert!(
        set_cookie(&reply).starts_with("mlbackend_session=; ") && set_cookie(&reply).contains("Max-Age=0")
    );
    assert_eq!(visitor.get("/dashboard").status, 303);
    let ended = visitor.cookie.clone();
    let (_, dir) = server.terminate();
    let server = Launch::again(dir).start();
    let with = |cookie: &str| server.send(&Request::new("GET", "/dashboard").header("Cookie", cookie)).status;
    assert_eq!((with(&ended), with(&other)), (303, 200));
}

#[test]
fn another_password_ends_the_sessions_of_the_user() {
    let users = |launch: Launch, text: &str| {
        let file = launch.path("users");
        #[allow(clippy::disallowed_methods, reason = "a file of the test")]
        fs::write(&file, text).unwrap();
        let name = file.to_str().expect("text").to_owned();
        launch.without("MOODLE_MLBACKEND_PYTHON_USERS").env("MOODLE_MLBACKEND_PYTHON_USERS_FILE", &name)
    };
    let server = users(Launch::new(), "ann:pw-ann\nbob:pw-bob\n").start();
    let (ann, bob) = (Visitor::new(&server, "ann"), Visitor::new(&server, "bob"));
    assert_eq!((ann.get("/dashboard").status, bob.get("/dashboard").status), (200, 200));
    #[allow(clippy::disallowed_methods, reason = "a file of the test")]
    fs::write(server.path("users"), "ann:another\nbob:pw-bob\n").unwrap();
    server.signal("HUP");
    until("the new password is read", || ann.get("/dashboard").status == 303);
    assert_eq!(bob.get("/dashboard").status, 200);
}

#[test]
fn the_key_is_in_the_data_directory_for_its_owner_alone_and_two_servers_share_it() {
    let server = TestServer::start();
    let visitor = Visitor::new(&server, "a");
    let file = server.data_dir().join(".mlbackend/dashboard/sessions.json");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let data = server.data_dir();
    let replica = Launch::new().env("MOODLE_MLBACKEND_PYTHON_DIR", data.to_str().expect("text")).start();
    let with = Request::new("GET", "/dashboard").header("Cookie", &visitor.cookie);
    assert_eq!(replica.send(&with).status, 200);
    assert_eq!(visitor.post("/dashboard/sign-out", "").status, 303);
    assert_eq!(replica.send(&with).status, 303);
}

#[test]
fn the_dashboard_can_be_switched_off() {
    for value in ["false", "0", "off"] {
        let server = Launch::new().env("MOODLE_MLBACKEND_DASHBOARD", value).start();
        for path in ["/dashboard", "/dashboard/sign-in", "/dashboard/assets/style.css"] {
            assert_eq!(server.get(path).status, 404, "{value} {path}");
        }
    }
    assert_eq!(TestServer::start().get("/").status, 404);
}
