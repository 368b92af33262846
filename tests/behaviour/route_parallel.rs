//! Concurrent requests.

use std::thread;

use serde_json::json;

use super::inspect::sound;
use crate::common::{
    Form, Launch, TestServer, fired_failpoint, inject_fault, inject_fault_at, labelled, long, unlabelled,
    until,
};

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
    let prediction = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    let evaluate = Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "2")
        .file("dataset", &rows(40));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(server.post("/training", &train).json()["status"], json!(0)));
            scope.spawn(|| assert_eq!(server.post("/prediction", &prediction).json()["status"], json!(0)));
            scope.spawn(|| assert_eq!(server.post("/evaluation", &evaluate).json()["status"], json!(0)));
        }
    });
}

#[test]
fn concurrent_trainings_through_two_servers_keep_all_samples() {
    const CLIENTS: usize = 8;
    const SAMPLES: usize = 4;
    let trainings = if long() { 5 } else { 2 };
    let first = TestServer::start();
    let second = Launch::new().env("MOODLE_MLBACKEND_PYTHON_DIR", first.data_dir().to_str().expect("text"));
    let second = second.start();
    thread::scope(|scope| {
        for (client, server) in [&first, &second].into_iter().cycle().take(2 * CLIENTS).enumerate() {
            scope.spawn(move || {
                for training in 0..trainings {
                    // All samples differ.
                    let row = |at: usize| format!("{client},{training},{at},{}", at % 2);
                    let rows: Vec<String> = (0..SAMPLES).map(row).collect();
                    let dataset = labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>());
                    let reply = server.post("/training", &Form::model("m", "d").file("dataset", &dataset));
                    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
                }
            });
        }
    });
    let model = sound(&first.data_dir())["models"][0].clone();
    let all = 2 * CLIENTS * trainings;
    assert_eq!((&model["generation"], &model["samples"]), (&json!(all), &json!(all * SAMPLES)));
    println!("{all}/{all} trainings of two servers kept");
}

#[test]
fn a_full_queue_is_503_with_retry_after_while_version_and_predictions_are_answered() {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_JOBS", "1")
        .env("MOODLE_MLBACKEND_QUEUE_LENGTH", "0")
        .with_faults()
        .start();
    let train = Form::model("m", "d").file("dataset", &rows(40));
    assert_eq!(server.post("/training", &train).json()["status"], json!(0));
    let evaluate = Form::model("m", "e")
        .field("minscore", "0.1")
        .field("maxdeviation", "0.9")
        .field("niterations", "1")
        .file("dataset", &rows(40));
    // The first evaluation is held at its last steps until the end of the test.
    inject_fault(&server, "hold write a report");
    thread::scope(|scope| {
        let first = scope.spawn(|| server.post("/evaluation", &evaluate));
        until("the first evaluation runs", || fired_failpoint(&server.orders()).is_some());
        for (path, form) in [("/evaluation", &evaluate), ("/training", &train)] {
            let refused = server.post(path, form);
            assert_eq!(refused.status, 503, "{}", refused.text());
            assert!(refused.header("retry-after").is_some() && refused.text().contains("busy"));
        }
        let prediction = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
        server.get("/version").expect(200, "3.0.5");
        assert_eq!(server.post("/prediction", &prediction).json()["status"], json!(0));
        assert!(!first.is_finished());
        inject_fault_at(&server.orders().with_extension("go"), "");
        assert_eq!(first.join().expect("an answer").json()["status"], json!(0));
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
    let prediction = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.post("/evaluation", &long));
        until("the evaluation runs", || server.log().contains("evaluation begins"));
        let mut answered = 0;
        while !evaluation.is_finished() {
            assert_eq!(server.post("/prediction", &prediction).json()["status"], json!(0));
            answered += usize::from(!evaluation.is_finished());
        }
        assert_eq!(evaluation.join().expect("an answer").json()["status"], json!(0));
        assert!(answered >= 5, "only {answered} predictions during the evaluation");
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
        let prediction = Form::model(id, "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
        server.post("/prediction", &prediction).json()["predictions"][0][1].clone()
    };
    assert_eq!((class("m"), class("n")), (json!("0"), json!("1")));
}
