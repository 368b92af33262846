//! `GET /models/{uniqueid}/{dirhash}/samples`.

use crate::common::{Launch, Request, TestServer, labelled_with_classes, separable, unlabelled, waves};

fn start() -> TestServer {
    Launch::new().env("MOODLE_MLBACKEND_ADMINS", "a").start()
}

#[test]
fn the_samples_train_the_same_model_again() {
    let server = start();
    server.train("m", &waves(300, 1).labelled());
    server.train("m", &waves(200, 2).labelled());
    let reply = server.get("/models/m/d/samples");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert_eq!(reply.text().lines().count(), 3 + 500);
    server.train("n", &reply.body);
    let model = |id: &str| server.get(&format!("/models/{id}/d")).json()["generations"][0]["sha256"].clone();
    assert_eq!(model("m"), model("n"), "the models are the same, byte by byte");
    assert_eq!(server.get("/models/n/d/samples").body, reply.body);
}

#[test]
fn samples_of_former_classes_are_not_in_the_dataset() {
    let server = start();
    let rows: Vec<String> = (0..60).map(|n| format!("{},{},0.5,{}", n % 3, n % 7, n % 3)).collect();
    server.train("m", &labelled_with_classes("[0,1,2]", &rows));
    let rows: Vec<String> = (0..40).map(|n| format!("{},{},0.25,{}", n % 2, n % 5, n % 2)).collect();
    server.train("m", &labelled_with_classes("[0,1]", &rows));
    let samples = server.get("/models/m/d/samples");
    assert_eq!(samples.text().lines().count(), 3 + 80);
    server.train("n", &samples.body);
    let question = unlabelled(&["1-0,1,3,0.5", "2-0,0,1,0.25"]);
    assert_eq!(server.predictions("m", &question), server.predictions("n", &question));
}

#[test]
fn a_model_without_samples_is_a_problem() {
    let server = start();
    server.train("m", &separable(40, false));
    server.import("n", &server.export("m")).expect(200, "Ok");
    let sentence = "No samples of this model are kept: it was imported, or never trained.";
    server.get("/models/n/d/samples").expect_error(404, sentence);
    server
        .get("/models/x/d/samples")
        .expect_error(404, "No model is stored under this uniqueid and dirhash.");
}

#[test]
fn head_has_no_body_and_the_log_has_a_line_for_each() {
    let server = start();
    server.train("m", &separable(40, false));
    let reply = server.send(&Request::new("GET", "/models/m/d/samples").credentials("a", "b"));
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"samples.csv\""));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("route=\"/models/{uniqueid}/{dirhash}/samples\""));
    assert!(line.is_some_and(|line| line.contains("uniqueid=\"m\"") && line.contains("status=200")), "{log}");
}
