//! Concurrent requests.

use std::thread;

use serde_json::{Value, json};

use super::inspect::sound;
use crate::common::{Form, Launch, TestServer, labelled, long, separable, unlabelled, until};

const SAMPLES: usize = 40;

fn evaluation(samples: usize, iterations: usize) -> Form {
    Form::model("m", "e").evaluation(iterations).file("dataset", &separable(samples, false))
}

/// A server with a trained model m.
fn trained(launch: Launch) -> TestServer {
    let server = launch.start();
    server.train("m", &separable(SAMPLES, false));
    server
}

/// The predictions for one sample.
fn predict(server: &TestServer, id: &str) -> Value {
    server.predictions(id, &unlabelled(&["1-0,1,3,-1"]))
}

#[test]
fn trainings_evaluations_and_predictions_of_one_model_in_parallel_all_succeed() {
    let server = trained(Launch::new());
    let evaluation = evaluation(SAMPLES, 2);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| server.train("m", &separable(SAMPLES, false)));
            scope.spawn(|| predict(&server, "m"));
            scope.spawn(|| assert_eq!(server.post("/evaluation", &evaluation).json()["status"], json!(0)));
        }
    });
}

#[test]
fn concurrent_trainings_through_two_servers_keep_all_samples() {
    const CLIENTS: usize = 8;
    const BATCH: usize = 4;
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
                    let rows: Vec<String> = (0..BATCH).map(row).collect();
                    server.train("m", &labelled(&rows));
                }
            });
        }
    });
    let model = sound(&first.data_dir())["models"][0].clone();
    let all = 2 * CLIENTS * trainings;
    assert_eq!((&model["generation"], &model["samples"]), (&json!(all), &json!(all * BATCH)));
    println!("{all}/{all} trainings of two servers kept");
}

#[test]
fn a_full_queue_is_503_with_retry_after_while_version_and_predictions_are_answered() {
    let launch = Launch::new().env("MOODLE_MLBACKEND_JOBS", "1").env("MOODLE_MLBACKEND_QUEUE_LENGTH", "0");
    let server = trained(launch.with_faults());
    let evaluation = evaluation(SAMPLES, 1);
    // The first evaluation is held at its last steps until the end of the test.
    server.hold("write a report");
    thread::scope(|scope| {
        let first = scope.spawn(|| server.post("/evaluation", &evaluation));
        server.wait_until_held();
        let refused = server.post("/evaluation", &evaluation);
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.header("retry-after").is_some() && refused.text().contains("busy"));
        server.get("/version").expect(200, "3.0.5");
        predict(&server, "m");
        assert!(!first.is_finished());
        server.release();
        assert_eq!(first.join().expect("a reply").json()["status"], json!(0));
    });
}

#[test]
fn predictions_do_not_queue_behind_a_long_evaluation() {
    let server = trained(Launch::new());
    let long = evaluation(500, 40);
    thread::scope(|scope| {
        let evaluation = scope.spawn(|| server.post("/evaluation", &long));
        until("the evaluation runs", || server.log().contains("evaluation started"));
        let mut predicted = 0;
        while !evaluation.is_finished() {
            predict(&server, "m");
            predicted += usize::from(!evaluation.is_finished());
        }
        assert_eq!(evaluation.join().expect("a reply").json()["status"], json!(0));
        assert!(predicted >= 5, "only {predicted} predictions during the evaluation");
    });
}

#[test]
fn trainings_of_different_models_do_not_mix() {
    let server = TestServer::start();
    thread::scope(|scope| {
        for (id, inverted) in [("m", false), ("n", true)] {
            let server = &server;
            scope.spawn(move || server.train(id, &separable(SAMPLES, inverted)));
        }
    });
    let class = |id: &str| predict(&server, id)[0][1].clone();
    assert_eq!((class("m"), class("n")), (json!("0"), json!("1")));
}
