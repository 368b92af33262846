//! `POST /deletemodel`.

use serde_json::json;

use crate::common::{Form, Request, TestServer, labelled};

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
