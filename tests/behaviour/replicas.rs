//! Replicas behind nginx, with the configuration in `deploy`.
//!
//! Must not know where replicas keep their models; here, in a directory that all of them share.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use serde_json::json;

use crate::common::{Form, Replicas, Request, separable, unlabelled, until};

fn settings(directory: &tempfile::TempDir) -> Vec<(&'static str, String)> {
    vec![("MOODLE_MLBACKEND_PYTHON_DIR", directory.path().to_str().expect("text").to_owned())]
}

fn train(replicas: &Replicas, id: &str) {
    let form = Form::model(id, "d").file("dataset", &separable(40, false));
    let reply = replicas.send(&Request::new("POST", "/training").credentials("a", "b").form(&form));
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
}

fn predict(replicas: &Replicas, id: &str) -> u16 {
    let samples = unlabelled(&["1-0,0.9,0.9,"]);
    let form = Form::model(id, "d").file("dataset", &samples);
    replicas.send(&Request::new("POST", "/prediction").credentials("a", "b").form(&form)).status
}

#[test]
fn any_replica_may_be_killed_and_the_others_answer_until_it_is_back() {
    let test = "any_replica_may_be_killed_and_the_others_answer_until_it_is_back";
    let directory = tempfile::tempdir().unwrap();
    let Some(mut replicas) = Replicas::start(test, 3, &settings(&directory)) else { return };
    train(&replicas, "m");
    for index in 0..3 {
        replicas.kill(index);
        for _ in 0..6 {
            assert_eq!(predict(&replicas, "m"), 200);
        }
        replicas.start_again(index);
        until("the replica is used again", || {
            assert_eq!(predict(&replicas, "m"), 200);
            replicas.replica(index).log().contains("/prediction")
        });
    }
}

/// Otherwise a training could run on two replicas at the same time.
#[test]
fn a_post_that_a_replica_has_received_is_not_sent_to_another() {
    let test = "a_post_that_a_replica_has_received_is_not_sent_to_another";
    let directory = tempfile::tempdir().unwrap();
    let Some(mut replicas) = Replicas::start(test, 2, &settings(&directory)) else { return };
    train(&replicas, "m");
    replicas.kill(0);
    // In its place: a server that ends when it has received the head of a request.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, replicas.port(0))).unwrap();
    let received = thread::spawn(move || {
        let mut head = BufReader::new(listener.accept().unwrap().0);
        let (mut first, mut line) = (String::new(), String::new());
        head.read_line(&mut first).unwrap();
        while line != "\r\n" {
            line.clear();
            head.read_line(&mut line).unwrap();
        }
        first
    });
    let mut statuses = Vec::new();
    while !received.is_finished() {
        statuses.push(predict(&replicas, "m"));
    }
    statuses.push(predict(&replicas, "m"));
    assert_eq!(received.join().unwrap(), "POST /prediction HTTP/1.1\r\n");
    assert_eq!(statuses.iter().filter(|&&status| status == 502).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 502].contains(status)), "{statuses:?}");
}
