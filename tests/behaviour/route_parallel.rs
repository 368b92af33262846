//! Requests side by side.

use std::thread;

use serde_json::json;

use crate::common::{Form, Launch, TestServer, labelled, unlabelled};

fn rows(count: usize) -> Vec<u8> {
    let rows: Vec<String> = (0..count)
        .map(|n| format!("1,{},{},{}", n % 7, if n % 2 == 0 { "-1" } else { "-0.2" }, n % 2))
        .collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn trainings_evaluations_and_predictions_of_one_model_in_parallel_all_succeed() {
    let server = TestServer::start();
    let train = Form::model("m", "d").file("dataset", &rows(40));
    assert_eq!(server.post("/training", &train).json()["status"], json!(0));
    let ask = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    let evaluate = Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "2")
        .file("dataset", &rows(40));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(server.post("/training", &train).json()["status"], json!(0)));
            scope.spawn(|| assert_eq!(server.post("/prediction", &ask).json()["status"], json!(0)));
            scope.spawn(|| assert_eq!(server.post("/evaluation", &evaluate).json()["status"], json!(0)));
        }
    });
}

#[test]
fn a_full_queue_is_503_with_retry_after_while_version_and_predictions_are_answered() {
    let server =
        Launch::new().env("MOODLE_MLBACKEND_JOBS", "1").env("MOODLE_MLBACKEND_QUEUE_LENGTH", "0").start();
    let small = Form::model("m", "d").file("dataset", &rows(40));
    assert_eq!(server.post("/training", &small).json()["status"], json!(0));
    let long = Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "10")
        .file("dataset", &rows(400));
    thread::scope(|scope| {
        let first = scope.spawn(|| server.post("/evaluation", &long));
        while server.uploads().is_empty() {
            thread::yield_now();
        }
        let second = scope.spawn(|| server.post("/evaluation", &long));
        let ask = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
        while !first.is_finished() && !second.is_finished() {
            server.get("/version").expect(200, "3.0.5");
            assert_eq!(server.post("/prediction", &ask).json()["status"], json!(0));
        }
        let replies = [first.join().expect("an answer"), second.join().expect("an answer")];
        let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
        assert_eq!(refused.len(), 1, "one runs, one is refused");
        assert!(refused[0].header("retry-after").is_some() && refused[0].text().contains("busy"));
    });
}

#[test]
fn predictions_do_not_queue_behind_a_long_evaluation() {
    let server = TestServer::start();
    let train = Form::model("m", "d").file("dataset", &rows(40));
    assert_eq!(server.post("/training", &train).json()["status"], json!(0));
    let long = Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "40")
        .file("dataset", &rows(500));
    let ask = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.post("/evaluation", &long));
        while server.uploads().is_empty() {
            thread::yield_now();
        }
        let mut answered_meanwhile = 0;
        while !evaluation.is_finished() {
            assert_eq!(server.post("/prediction", &ask).json()["status"], json!(0));
            answered_meanwhile += usize::from(!evaluation.is_finished());
        }
        assert_eq!(evaluation.join().expect("an answer").json()["status"], json!(0));
        assert!(answered_meanwhile >= 5, "only {answered_meanwhile} predictions while it was evaluated");
    });
}

#[test]
fn trainings_of_different_models_do_not_mix() {
    let server = TestServer::start();
    let flipped: Vec<String> = (0..40)
        .map(|n| format!("1,{},{},{}", n % 7, if n % 2 == 1 { "-1" } else { "-0.2" }, n % 2))
        .collect();
    let flipped = labelled(&flipped.iter().map(String::as_str).collect::<Vec<_>>());
    thread::scope(|scope| {
        for (id, dataset) in [("m", rows(40)), ("n", flipped)] {
            let server = &server;
            scope.spawn(move || {
                let reply = server.post("/training", &Form::model(id, "d").file("dataset", &dataset));
                assert_eq!(reply.json()["status"], json!(0));
            });
        }
    });
    let class = |id: &str| {
        let ask = Form::model(id, "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
        server.post("/prediction", &ask).json()["predictions"][0][1].clone()
    };
    assert_eq!((class("m"), class("n")), (json!("0"), json!("1")));
}
