//! schemathesis sends thousands of requests that the `OpenAPI` document describes, valid and invalid ones, and compares the
//! responses with the document.

use std::fs;
use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::common::{Form, Launch, Request, TestServer, tool, untouched};

/// All models have one feature with the name of the target, see `tests/python/schemathesis/hooks.py`.
const DATASET: &[u8] =
    b"nfeatures,targetclasses,targettype\n1,\"[0,1]\",discrete\na,a\n0.1,0\n0.2,1\n0.3,0\n0.4,1\n";
const MORE: &[u8] = b"nfeatures,targetclasses,targettype\n1,\"[0,1]\",discrete\na,a\n0.7,0\n0.8,1\n0.9,0\n";
/// Makes a run repeatable.
const SEED: &str = "1";
/// Requests for each route and phase; a run takes about a minute.
const MAX_EXAMPLES: &str = "12";

fn start() -> TestServer {
    Launch::new()
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,root:pw-root,eve:pw-eve")
        .env("MOODLE_MLBACKEND_ADMINS", "root")
        .env("MOODLE_MLBACKEND_VIEWERS", "eve")
        .env("MOODLE_MLBACKEND_ISOLATE_USERS", "1")
        .env("MOODLE_MLBACKEND_METRICS_USER", "root")
        // Wrong credentials are part of the tests.
        .env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0")
        // An evaluation of a thousand iterations ends after three.
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "0")
        .start()
}

/// Trains the model of the document's examples twice, and another one; writes an export of it to a file.
fn train(server: &TestServer, user: &str, archive: &Path) {
    let as_user = |request: Request| server.send(&request.credentials(user, &format!("pw-{user}")));
    for (id, dataset) in [("m1", DATASET), ("m1", MORE), ("m2", DATASET)] {
        let form = Form::model(id, "d1").file("dataset", dataset);
        let reply = as_user(Request::new("POST", "/training").form(&form));
        assert_eq!((reply.status, &reply.json()["status"]), (200, &0.into()), "{}", reply.text());
    }
    let reply = as_user(Request::new("GET", "/export?uniqueid=m1&dirhash=d1"));
    assert_eq!(reply.status, 200);
    #[allow(clippy::disallowed_methods, reason = "a file of the test")]
    fs::write(archive, reply.body).unwrap();
}

#[rstest]
#[case::user("ann")]
#[case::admin("root")]
#[case::viewer("eve")]
fn schemathesis_finds_no_difference_from_the_document(#[case] user: &str) {
    let test = format!("schemathesis_finds_no_difference_from_the_document ({user})");
    let Some(schemathesis) = tool(&test, "schemathesis") else { return };
    let server = start();
    let archive = server.path("archive.zip");
    train(&server, if user == "eve" { "ann" } else { user }, &archive);
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/schemathesis");
    let mut command = Command::new(schemathesis);
    let output = untouched(&mut command)
        // It keeps files there.
        .current_dir(archive.parent().expect("a directory"))
        .env("SCHEMATHESIS_HOOKS", home.join("hooks.py"))
        .env("MLBACKEND_TEST_ARCHIVE", &archive)
        .env("MLBACKEND_TEST_USER", user)
        .env("MLBACKEND_TEST_PASSWORD", format!("pw-{user}"))
        .arg("--config-file")
        .arg(home.join("schemathesis.toml"))
        .args(["run", "--seed", SEED, "--max-examples", MAX_EXAMPLES, "--continue-on-failure"])
        .arg(server.url("/openapi.json"))
        .output()
        .expect("schemathesis starts");
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    // It has tested every route but that of the document itself.
    assert!(printed.contains("Tested: 22"), "{printed}");
    let log = server.log();
    assert!(!log.contains("request failed"), "an internal error: {log}");
}
