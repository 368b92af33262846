//! Requests that a page of another site makes a browser send.

use rstest::rstest;

use crate::common::{Launch, ROUTES, Request, TestServer, Visitor, separable};

const SENTENCE: &str = "A page of another site sent this request, so it was refused.";

/// The addresses of the dashboard that take forms.
const FORMS: [&str; 6] = [
    "/dashboard/sign-in",
    "/dashboard/sign-out",
    "/dashboard/import",
    "/dashboard/models/m/d/rollback?generation=1",
    "/dashboard/models/m/d/delete",
    "/dashboard/models/m/d/predictions",
];

#[rstest]
#[case("Origin", "https://evil.example")]
#[case("Origin", "null")]
#[case("Origin", "http://127.0.0.1.evil.example")]
#[case("Sec-Fetch-Site", "cross-site")]
#[case("Sec-Fetch-Site", "same-site")]
fn every_route_that_changes_something_refuses_a_foreign_page(#[case] header: &str, #[case] value: &str) {
    let server = TestServer::start();
    server.train("m", &separable(40, false));
    let visitor = Visitor::new(&server, "a");
    for route in ROUTES.into_iter().filter(|route| route.method == "POST") {
        let reply = server.send(&route.request().credentials("a", "b").header(header, value));
        assert_eq!(reply.status, 403, "{}", route.path);
        assert!(reply.sentence().starts_with(SENTENCE), "{}", reply.text());
    }
    for path in FORMS {
        let request =
            Request::new("POST", path).header(header, value).urlencoded("confirm=m&user=a&password=b");
        let reply = visitor.send(request);
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.text().starts_with(SENTENCE), "{}", reply.text());
    }
    assert_eq!(server.get("/models/m/d").status, 200, "the model is still there");
    assert_eq!(visitor.get("/dashboard").status, 200, "the session has not ended");
}

#[test]
fn requests_of_programs_and_of_the_own_pages_pass() {
    let server = TestServer::start();
    for headers in [
        &[][..],
        &[("Origin", "http://127.0.0.1")],
        &[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
        &[("Sec-Fetch-Site", "none")],
    ] {
        for route in ROUTES.into_iter().filter(|route| route.method == "POST") {
            let request = route.request().credentials("a", "b");
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            assert_ne!(server.send(&request).status, 403, "{headers:?} {}", route.path);
        }
    }
}

#[test]
fn reading_is_not_refused() {
    let server = TestServer::start();
    let request = Request::new("GET", "/models").credentials("a", "b");
    assert_eq!(server.send(&request.header("Origin", "https://evil.example")).status, 200);
}

#[test]
fn the_address_that_browsers_use_can_be_that_of_a_proxy() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PUBLIC_URL", "https://ML.example.org:443/ml").start();
    let delete = |name: &str, value: &str| {
        let form = crate::common::Form::new().field("uniqueid", "m");
        let request = Request::new("POST", "/deletemodel").credentials("a", "b").form(&form);
        server.send(&request.header("Origin", "https://ml.example.org").header(name, value)).status
    };
    assert_eq!(delete("Accept", "*/*"), 200);
    let plain = TestServer::start();
    let form = crate::common::Form::new().field("uniqueid", "m");
    let request = Request::new("POST", "/deletemodel").credentials("a", "b").form(&form);
    let request =
        request.header("Origin", "https://ml.example.org").header("X-Forwarded-Host", "ml.example.org");
    assert_eq!(
        plain.send(&request).status,
        403,
        "the header of a peer that is no trusted proxy means nothing"
    );
    let trusted = Launch::new().env("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1").start();
    assert_eq!(trusted.send(&request).status, 200);
}
