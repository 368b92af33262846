//! The paths that exist, and their methods.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{ROUTES, Request, Route, TestServer, protected_routes};

#[test]
fn unknown_paths_trailing_slashes_wrong_case_and_the_root_are_not_found() {
    let server = TestServer::start();
    for path in
        ["/", "/nothing", "/version/", "/Version", "/training/", "/training/x", "//version", "/evaluationLog"]
    {
        for method in ["GET", "POST", "OPTIONS"] {
            let reply = server.send(&Request::new(method, path));
            assert_eq!(reply.status, 404, "{method} {path}");
            assert!(reply.text().contains("nothing at this address"), "{}", reply.text());
        }
    }
}

#[test]
fn a_wrong_method_is_405_with_the_allowed_ones_before_credentials_are_checked() {
    let server = TestServer::start();
    for Route { method, path, allow, .. } in ROUTES {
        let wrong = ["PUT", "DELETE", "PATCH", if method == "POST" { "GET" } else { "POST" }];
        for wrong in wrong.into_iter().filter(|method| !allow.contains(method)) {
            let reply = server.send(&Request::new(wrong, path));
            assert_eq!((reply.status, reply.header("allow")), (405, Some(allow)), "{wrong} {path}");
        }
        let reply = server.send(&Request::new("OPTIONS", path));
        assert_eq!((reply.status, reply.header("allow"), reply.body.len()), (200, Some(allow), 0), "{path}");
    }
}

/// The tests of all routes would otherwise miss a new one.
#[test]
fn the_list_of_routes_has_each_file_that_registers_one() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/routes");
    let files = |directory: &Path| -> Vec<PathBuf> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let (directories, mut sources): (Vec<_>, Vec<_>) =
        files(&directory).into_iter().partition(|path| path.is_dir());
    sources.extend(directories.iter().flat_map(|directory| files(directory)));
    let mut registered: Vec<String> = sources
        .iter()
        .filter_map(|path| {
            let source = fs::read_to_string(path).unwrap();
            let (_, service) = source.split_once("fn service() -> Resource")?;
            Some(service.split('"').nth(1).expect("a path")[..].to_owned())
        })
        .collect();
    registered.sort();
    let mut listed = ROUTES.map(|route| route.pattern.unwrap_or(route.path));
    listed.sort_unstable();
    assert_eq!(registered, listed);
}

#[test]
fn head_works_where_get_does() {
    let server = TestServer::start();
    let reply = server.send(&Request::new("HEAD", "/version"));
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(reply.header("content-length"), Some("5"));
    let reads_a_model = |route: &Route| route.method == "GET" && !route.parameters.is_empty();
    for Route { path, .. } in protected_routes().filter(reads_a_model) {
        assert_eq!(server.send(&Request::new("HEAD", path)).status, 401, "{path}");
        let reply = server.send(&Request::new("HEAD", path).credentials("a", "b"));
        assert_eq!(reply.status, 500, "{path}: uniqueid is missing");
    }
    assert_eq!(server.send(&Request::new("HEAD", "/training")).status, 405);
}

#[test]
fn error_bodies_are_plain_sentences_without_a_newline() {
    let server = TestServer::start();
    for (path, status) in [("/nothing", 404), ("/training", 405), ("/export", 401)] {
        let reply = server.send(&Request::new("GET", path));
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(reply.text().ends_with('.') && reply.text().len() < 200, "{}", reply.text());
    }
}
