//! `POST /deletemodel`.

use std::fs;
use std::thread;

use serde_json::json;

use crate::common::{
    Form, Operation, Request, Scene, TestServer, fired_failpoint, inject_fault, labelled, predict, until,
};

fn train(server: &TestServer, id: &str, dir: &str) {
    let dataset = labelled(&["1,-1,-1,1", "1,-1,-1,1", "1,-1,0,0", "1,-1,0,0"]);
    let reply = server.post("/training", &Form::model(id, dir).file("dataset", &dataset));
    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
}

fn exists(server: &TestServer, id: &str, dir: &str) -> bool {
    server.get(&format!("/export?uniqueid={id}&dirhash={dir}")).status == 200
}

#[test]
fn deletes_everything_under_the_id_and_nothing_else() {
    let server = TestServer::start();
    for (id, dir) in [("m", "d1"), ("m", "d2"), ("m2", "d1")] {
        train(&server, id, dir);
    }
    let reply = server.post("/deletemodel", &Form::new().field("uniqueid", "m"));
    reply.expect(200, "Ok");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(!exists(&server, "m", "d1") && !exists(&server, "m", "d2") && exists(&server, "m2", "d1"));
}

#[test]
fn deleting_an_unknown_model_succeeds() {
    let server = TestServer::start();
    for _ in 0..2 {
        server.post("/deletemodel", &Form::new().field("uniqueid", "unknown")).expect(200, "Ok");
    }
    server
        .send(&Request::new("POST", "/deletemodel?uniqueid=unknown").credentials("a", "b"))
        .expect(200, "Ok");
    let form = Request::new("POST", "/deletemodel").credentials("a", "b").urlencoded("uniqueid=unknown");
    server.send(&form).expect(200, "Ok");
}

#[test]
fn an_empty_id_deletes_nothing() {
    let server = TestServer::start();
    train(&server, "m", "d");
    for id in ["", ".", "..", "/", "*", "../data"] {
        let reply = server.post("/deletemodel", &Form::new().field("uniqueid", id));
        assert!(reply.status == 400 || id == "../data", "{id:?}: {}", reply.text());
    }
    assert!(exists(&server, "m", "d"));
}

#[test]
fn a_deleted_model_can_be_trained_again() {
    let server = TestServer::start();
    train(&server, "m", "d");
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    train(&server, "m", "d");
    assert!(exists(&server, "m", "d"));
}

#[rstest::rstest]
#[case::a_training(Operation::Train, "make a file")]
#[case::an_import(Operation::Import, "make a file")]
#[case::an_evaluation(Operation::Evaluate, "write a report")]
fn a_model_that_is_deleted_while_it_is_created_does_not_reappear(
    #[case] operation: Operation,
    #[case] step: &str,
) {
    let scene = Scene::new();
    let server = scene.server();
    server.hold(step);
    thread::scope(|scope| {
        let first = scope.spawn(|| server.send(&scene.request(operation, "new")));
        server.wait_until_held();
        server.send(&scene.request(Operation::Delete, "new")).expect(200, "Ok");
        server.release();
        assert_eq!(first.join().unwrap().status, 200);
    });
    assert_deleted_and_trainable(&server, &scene);
}

#[test]
fn a_queued_training_does_not_restore_a_deleted_model() {
    let scene = Scene::new();
    let server = scene.server();
    server.hold("make a file");
    thread::scope(|scope| {
        let train = || server.send(&scene.request(Operation::Train, "new"));
        let first = scope.spawn(train);
        server.wait_until_held();
        let second = scope.spawn(train);
        until("the second is queued", || started_jobs(&server, "new") == 2);
        server.send(&scene.request(Operation::Delete, "new")).expect(200, "Ok");
        server.release();
        for training in [first, second] {
            assert_eq!(training.join().unwrap().status, 200);
        }
    });
    assert_deleted_and_trainable(&server, &scene);
}

fn assert_deleted_and_trainable(server: &TestServer, scene: &Scene) {
    assert_eq!(predict(server, "new")["status"], json!(2));
    assert!(!server.data_dir().join("new").exists());
    assert_eq!(started_jobs(server, "new"), 0, "the markers of the jobs are removed");
    assert_eq!(server.send(&scene.request(Operation::Train, "new")).status, 200);
    assert_eq!(predict(server, "new")["status"], json!(0));
}

/// The number of jobs on this id that have started and not ended.
fn started_jobs(server: &TestServer, id: &str) -> usize {
    let list = |path| fs::read_dir(path).into_iter().flatten().flatten();
    let inside = list(server.data_dir().join(".mlbackend/sessions")).flat_map(|session| list(session.path()));
    inside.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{id}."))).count()
}

#[rstest::rstest]
#[case::directory_not_empty(39)]
#[case::resource_busy(16)]
fn a_deletion_succeeds_while_a_file_server_still_keeps_open_files(#[case] error: u32) {
    let scene = Scene::new();
    let server = scene.server();
    for step in 0.. {
        let id = format!("m{step}");
        scene.copy_model(&server, &id);
        inject_fault(&server, &format!("{error} {step}"));
        let reply = server.send(&scene.request(Operation::Delete, &id));
        let step_name = fired_failpoint(&server.orders()).expect("a step of the removal");
        if step_name == "remove" {
            reply.expect(200, "Ok");
            assert_eq!(predict(&server, &id)["status"], json!(2));
            assert!(server.log().contains("files that are still open"), "{}", server.log());
            return;
        }
    }
}
