//! `moodle-mlbackend replay`: requests of `MOODLE_ML_STASH_DIR`, sent again.
#![allow(clippy::disallowed_methods, reason = "these tests change files of a request on purpose")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cli_train::Files;
use crate::common::{Form, Launch, Output, TestServer, program, separable, unlabelled};

const PASSWORD: &str = "MOODLE_MLBACKEND_REPLAY_PASSWORD";

/// A server with a trained model, and the directories of the requests so far, by route.
fn stashed() -> (TestServer, Vec<(String, PathBuf)>) {
    let launch = Launch::new();
    let stash = launch.stash_dir();
    let server = launch.env("MOODLE_ML_STASH_DIR", stash.to_str().unwrap()).start();
    server.train("m", &separable(60, false));
    server.predictions("m", &unlabelled(&["a,1,2,-1", "b,1,3,0.5"]));
    server.post("/evaluation", &Form::model("m", "e").evaluation(2).file("dataset", &separable(60, false)));
    server.export("m");
    let route = |dir: PathBuf| {
        let request: Value = serde_json::from_slice(&fs::read(dir.join("request.json")).unwrap()).unwrap();
        (request["route"].as_str().unwrap().to_owned(), dir)
    };
    let mut requests: Vec<_> =
        fs::read_dir(&stash).unwrap().map(|entry| route(entry.unwrap().path())).collect();
    // As they were sent: the names of one second are in any order, and a training changes the next export.
    let sent = ["/training", "/prediction", "/evaluation", "/export"];
    requests.sort_by_key(|(route, _)| sent.iter().position(|known| known == route));
    (server, requests)
}

fn of_route<'a>(requests: &'a [(String, PathBuf)], route: &str) -> &'a Path {
    &requests.iter().find(|(known, _)| known == route).unwrap().1
}

fn replay(server: &TestServer, request: &Path, flags: &[&str]) -> Output {
    let mut command = program(&["replay", "--url", &server.url(""), "--user", "a"]);
    Output::of(command.arg(request).args(flags).env(PASSWORD, "b"))
}

#[test]
fn every_request_is_sent_as_it_was_and_compared_with_its_recorded_reply() {
    let (server, requests) = stashed();
    assert_eq!(requests.len(), 4, "{requests:?}");
    for (route, request) in &requests {
        let recorded = replay(&server, request, &["--record", "--yes"]).expect_code(0);
        assert!(recorded.contains(route) && recorded.contains("status 200"), "{recorded}");
        let output = replay(&server, request, &["--json", "--yes"]);
        output.expect_code(0);
        let json: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!((&json["route"], &json["same_as_recorded"]), (&json!(route), &json!(true)), "{json}");
        let output = replay(&server, request, &["--record", "--yes"]);
        assert!(output.expect_code(1).contains("--force"), "{output:?}");
    }
    let export = of_route(&requests, "/export");
    replay(&server, export, &["--output", export.join("model.zip").to_str().unwrap()]).expect_code(0);
    assert!(fs::read(export.join("model.zip")).unwrap() == server.export("m"));
}

#[test]
fn another_reply_has_exit_code_3_and_its_differences() {
    let (server, requests) = stashed();
    let request = of_route(&requests, "/prediction");
    replay(&server, request, &["--record"]).expect_code(0);
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    let output = replay(&server, request, &[]);
    assert!(output.expect_code(3).contains("status: 2 instead of 0"), "{output:?}");
}

#[test]
fn what_changes_a_model_needs_yes() {
    let (server, requests) = stashed();
    let output = replay(&server, of_route(&requests, "/training"), &[]);
    assert!(output.expect_code(1).contains("--yes"), "{output:?}");
}

#[test]
fn a_large_dataset_is_streamed_and_wrong_credentials_are_a_negative_result() {
    let (server, requests) = stashed();
    let request = of_route(&requests, "/prediction");
    let rows = vec!["some-rather-long-id-0,1,2,-1"; 100_000];
    fs::write(request.join("dataset"), unlabelled(&rows)).unwrap();
    let output = replay(&server, request, &["--json"]);
    output.expect_code(0);
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(json["bytes"].as_u64().unwrap() > 3_000_000, "{}", json["bytes"]);
    let mut command = program(&["replay", "--url", &server.url(""), "--user", "a"]);
    let output = Output::of(command.arg(request).env(PASSWORD, "wrong"));
    let printed = output.expect_code(3);
    assert!(printed.contains("status 401") && !printed.contains("wrong\n"), "{printed}");
}

#[test]
fn refuses_what_is_not_a_request_and_reports_a_server_that_does_not_respond() {
    let (server, requests) = stashed();
    let files = Files::of(b"", b"");
    let output = replay(&server, files.dir.path(), &[]);
    assert!(output.expect_code(1).contains("MOODLE_ML_STASH_DIR"), "{output:?}");
    let request = of_route(&requests, "/prediction").to_owned();
    let address = format!("http://127.0.0.1:{}", crate::common::free_port());
    let mut command = program(&["replay", "--url", &address]);
    let output = Output::of(command.arg(&request));
    assert!(output.expect_code(1).contains("does not respond"), "{output:?}");
    let output = Output::of(program(&["replay", "--url", "http://a:b@127.0.0.1"]).arg(&request));
    assert!(output.expect_code(2).contains("credentials"), "{output:?}");
}
