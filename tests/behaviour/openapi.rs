//! The `OpenAPI` document and its page.

use std::env;
use std::fs;
use std::path::Path;

use crate::common::{Launch, ROUTES, TestServer};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");

#[test]
fn the_document_is_the_golden_one() {
    let reply = TestServer::start().get("/openapi.json");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let text = format!("{}\n", reply.text());
    if env::var_os("UPDATE_GOLDEN").is_some() {
        #[allow(clippy::disallowed_methods, reason = "a file of the source tree")]
        fs::write(Path::new(GOLDEN), &text).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(golden == text, "{GOLDEN} differs: run UPDATE_GOLDEN=1 cargo test --test behaviour openapi::");
}

#[test]
fn the_document_describes_every_route_and_the_statuses_of_the_protocol() {
    let document = TestServer::start().get("/openapi.json").json();
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), ROUTES.len());
    for route in ROUTES {
        let operation = &paths[route.pattern.unwrap_or(route.path)][route.method.to_lowercase()];
        let responses = &operation["responses"];
        let expected: &[&str] = match (route.path, route.protected) {
            (_, false) => &["200"],
            ("/export", _) => &["200", "400", "401", "403", "405", "500", "503"],
            (path, _) if path.starts_with("/models") => {
                &["200", "400", "401", "403", "404", "405", "500", "503"]
            }
            ("/jobs", _) => &["200", "400", "401", "403", "405", "500", "503"],
            (path, _) if path.starts_with("/jobs/") => &["200", "401", "403", "404", "405", "500", "503"],
            ("/metrics", _) => &["200", "401", "403"],
            ("/diagnostics/keepalive", _) => &["200", "400", "401", "403", "405", "500", "503"],
            _ => &["200", "400", "401", "403", "405", "413", "500", "503"],
        };
        for status in expected {
            assert!(responses.get(status).is_some(), "{} {status}", route.path);
        }
        let media = if route.has_problems() { "application/problem+json" } else { "text/plain" };
        if route.protected {
            assert!(responses["401"]["content"].get(media).is_some(), "{}", route.path);
        }
        assert_eq!(operation["security"].as_array().is_some_and(|list| !list.is_empty()), route.protected);
    }
}

#[test]
fn the_page_is_self_contained_under_a_strict_policy() {
    let server = Launch::new().arg("--url-prefix").arg("/ml").start();
    let reply = server.get("/docs");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    let page = reply.text();
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"));
    assert!(page.contains("href=\"openapi.json\""), "a link that works below a prefix");
    assert_eq!(server.get("/ml/docs").body, reply.body);
    assert_eq!(server.get("/ml/openapi.json").json()["servers"][0]["url"], "/ml");
}
