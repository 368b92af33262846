//! `moodle-mlbackend jobs`: the asynchronous jobs of a server.

use serde_json::Value;

use crate::common::{Form, JobClient, Launch, Output, TestServer, program, separable};

const PASSWORD: &str = "MOODLE_MLBACKEND_JOBS_PASSWORD";

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

fn jobs(server: &TestServer, arguments: &[&str]) -> Output {
    let mut command = program(&["jobs", "--url", &server.url(""), "--user", "a"]);
    Output::of(command.args(arguments).env(PASSWORD, "b"))
}

#[test]
fn lists_watches_and_removes_jobs() {
    let server = TestServer::start();
    assert!(jobs(&server, &[]).expect_code(0).contains("There are no asynchronous jobs."));
    let client = JobClient::new(&server, "a");
    let done = client.start("/training", &training("m"));
    let watched = jobs(&server, &[&done, "--watch"]).expect_code(0);
    assert!(watched.contains("done") && watched.contains("\"status\":0"), "{watched}");
    let failed = client.start("/training", &Form::model("n", "d").file("dataset", b"nonsense"));
    let watched = jobs(&server, &[&failed, "--watch"]).expect_code(3);
    assert!(watched.contains("The dataset cannot be used"), "{watched}");
    let list = jobs(&server, &[]).expect_code(0);
    assert!([&done, &failed].iter().all(|id| list.contains(*id)) && list.contains("m/d"), "{list}");
    let json: Value = serde_json::from_str(&jobs(&server, &["--json"]).expect_code(0)).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&json[0]["id"], &json[1]["state"]),
        (&failed.clone().into(), &"done".into()),
        "the newest first"
    );
    assert!(jobs(&server, &[&done, "--cancel"]).expect_code(0).contains("removed"));
    let gone = jobs(&server, &[&done]);
    assert!(gone.expect_code(1).contains("No job has this id"), "{gone:?}");
}

#[test]
fn cancels_a_running_job() {
    let server = Launch::new().with_faults().start();
    let client = JobClient::new(&server, "a");
    server.hold("open an upload");
    let id = client.start("/training", &training("m"));
    server.wait_until_held();
    assert!(jobs(&server, &[&id]).expect_code(0).contains("running, reading"));
    jobs(&server, &[&id, "--cancel"]).expect_code(0);
    server.release();
    assert!(jobs(&server, &[&id, "--watch"]).expect_code(3).contains("cancelled"));
}

#[test]
fn refuses_what_is_no_id_and_says_why_a_server_refuses() {
    let server = TestServer::start();
    jobs(&server, &["../version"]).expect_code(2);
    jobs(&server, &["--watch"]).expect_code(2);
    let mut command = program(&["jobs", "--url", &server.url(""), "--user", "a"]);
    let refused = Output::of(command.env(PASSWORD, "wrong"));
    assert!(refused.expect_code(1).contains("Incorrect user and/or password"), "{refused:?}");
}
