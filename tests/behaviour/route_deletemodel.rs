//! `POST /deletemodel`.

use std::fs;
use std::thread;

use serde_json::json;

use crate::common::{
    Form, Operation, Request, Scene, TestServer, ask, fired, labelled, order, order_at, until,
};

fn train(server: &TestServer, id: &str, dir: &str) {
    let dataset = labelled(&["1,-1,-1,1", "1,-1,-1,1", "1,-1,0,0", "1,-1,0,0"]);
    let reply = server.post("/training", &Form::model(id, dir).file("dataset", &dataset));
    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
}

fn is_there(server: &TestServer, id: &str, dir: &str) -> bool {
    server.get(&format!("/export?uniqueid={id}&dirhash={dir}")).status == 200
}

#[test]
fn everything_under_the_id_goes_and_nothing_else() {
    let server = TestServer::start();
    for (id, dir) in [("m", "d1"), ("m", "d2"), ("m2", "d1")] {
        train(&server, id, dir);
    }
    let reply = server.post("/deletemodel", &Form::new().field("uniqueid", "m"));
    reply.expect(200, "Ok");
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(!is_there(&server, "m", "d1") && !is_there(&server, "m", "d2") && is_there(&server, "m2", "d1"));
}

#[test]
fn deleting_what_is_not_there_is_fine() {
    let server = TestServer::start();
    for _ in 0..2 {
        server.post("/deletemodel", &Form::new().field("uniqueid", "nobody")).expect(200, "Ok");
    }
    server
        .send(&Request::new("POST", "/deletemodel?uniqueid=nobody").credentials("a", "b"))
        .expect(200, "Ok");
    let form = Request::new("POST", "/deletemodel").credentials("a", "b").urlencoded("uniqueid=nobody");
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
    assert!(is_there(&server, "m", "d"));
}

#[test]
fn a_deleted_model_can_be_trained_again() {
    let server = TestServer::start();
    train(&server, "m", "d");
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    train(&server, "m", "d");
    assert!(is_there(&server, "m", "d"));
}

#[rstest::rstest]
#[case::a_training(Operation::Train, "make a file")]
#[case::an_import(Operation::Import, "make a file")]
#[case::an_evaluation(Operation::Evaluate, "write a report")]
fn what_is_deleted_while_it_is_made_for_the_first_time_does_not_come_back(
    #[case] operation: Operation,
    #[case] step: &str,
) {
    let scene = Scene::new();
    let server = scene.server();
    order(&server, &format!("hold {step}"));
    thread::scope(|room| {
        let first = room.spawn(|| server.send(&scene.request(operation, "new")));
        until("it is about to be stored", || fired(&server.orders()).is_some());
        server.send(&scene.request(Operation::Delete, "new")).expect(200, "Ok");
        order_at(&server.orders().with_extension("go"), "");
        assert_eq!(first.join().unwrap().status, 200);
    });
    is_gone_and_can_be_trained(&server, &scene);
}

#[test]
fn a_training_that_waits_for_its_turn_does_not_bring_back_what_is_deleted_meanwhile() {
    let scene = Scene::new();
    let server = scene.server();
    order(&server, "hold make a file");
    thread::scope(|room| {
        let train = || server.send(&scene.request(Operation::Train, "new"));
        let first = room.spawn(train);
        until("the first is about to be stored", || fired(&server.orders()).is_some());
        let second = room.spawn(train);
        until("the second waits", || begun(&server, "new") == 2);
        server.send(&scene.request(Operation::Delete, "new")).expect(200, "Ok");
        order_at(&server.orders().with_extension("go"), "");
        for training in [first, second] {
            assert_eq!(training.join().unwrap().status, 200);
        }
    });
    is_gone_and_can_be_trained(&server, &scene);
}

fn is_gone_and_can_be_trained(server: &TestServer, scene: &Scene) {
    assert_eq!(ask(server, "new")["status"], json!(2));
    assert!(!server.data_dir().join("new").exists());
    assert_eq!(begun(server, "new"), 0, "what marked the work is gone with it");
    assert_eq!(server.send(&scene.request(Operation::Train, "new")).status, 200);
    assert_eq!(ask(server, "new")["status"], json!(0));
}

/// How many works on this id have begun and not ended.
fn begun(server: &TestServer, id: &str) -> usize {
    let list = |path| fs::read_dir(path).into_iter().flatten().flatten();
    let inside = list(server.data_dir().join(".mlbackend/sessions")).flat_map(|session| list(session.path()));
    inside.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{id}."))).count()
}

#[rstest::rstest]
#[case::directory_not_empty(39)]
#[case::resource_busy(16)]
fn a_deletion_is_done_though_a_file_server_still_keeps_what_is_being_read(#[case] error: u32) {
    let scene = Scene::new();
    let server = scene.server();
    for step in 0.. {
        let id = format!("m{step}");
        scene.copy_model(&server, &id);
        order(&server, &format!("{error} {step}"));
        let reply = server.send(&scene.request(Operation::Delete, &id));
        let name = fired(&server.orders()).expect("a step that removes");
        if name == "remove" {
            reply.expect(200, "Ok");
            assert_eq!(ask(&server, &id)["status"], json!(2));
            assert!(server.log().contains("deleted all the same"), "{}", server.log());
            return;
        }
    }
}
