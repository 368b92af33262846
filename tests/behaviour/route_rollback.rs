//! `POST /models/{uniqueid}/{dirhash}/rollback`.

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Form, Launch, Reply, TestServer, separable, unlabelled};

fn roll_back(server: &TestServer, query: &str) -> Reply {
    server.post(&format!("/models/m/d/rollback{query}"), &Form::new())
}

fn predictions(server: &TestServer) -> Value {
    server.predictions("m", &unlabelled(&["1-0,1,3,-1", "2-0,1,4,-0.2"]))
}

/// A model of two generations with opposite predictions, which are in memory; those of the first.
fn retrained(launch: Launch) -> (TestServer, Value) {
    let server = launch.start();
    server.train("m", &separable(40, false));
    let first = predictions(&server);
    server.train("m", &separable(400, true));
    assert_ne!(predictions(&server), first);
    (server, first)
}

#[test]
fn predictions_use_the_generation_before_at_once_and_again_after_a_restart() {
    let (server, first) = retrained(Launch::new());
    let second = predictions(&server);
    let reply = roll_back(&server, "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json(), json!({"generation": 3, "restored_from": 1, "samples": 40}));
    assert_eq!(predictions(&server), first);
    let (_, dir) = server.terminate();
    let server = Launch::again(dir).start();
    assert_eq!(predictions(&server), first);
    // A rollback can be rolled back.
    assert_eq!(roll_back(&server, "").json()["restored_from"], 2);
    assert_eq!(predictions(&server), second);
}

#[test]
fn the_next_training_continues_from_the_samples_of_that_generation() {
    let (server, _) = retrained(Launch::new());
    roll_back(&server, "");
    server.train("m", &separable(60, true));
    let detail = server.get("/models/m/d").json();
    assert_eq!(detail["generations"][0]["samples"], 100);
    // Samples that came after that generation count again when they are sent again.
    server.train("m", &separable(400, true));
    assert_eq!(server.get("/models/m/d").json()["generations"][0]["samples"], 500);
}

#[test]
fn a_generation_can_be_named() {
    let (server, first) = retrained(Launch::new().env("MOODLE_MLBACKEND_KEEP_GENERATIONS", "5"));
    server.train("m", &separable(80, true));
    assert_eq!(roll_back(&server, "?generation=1").json()["generation"], 4);
    assert_eq!(predictions(&server), first);
    let detail = server.get("/models/m/d").json();
    let generations = detail["generations"].as_array().expect("a list");
    let numbers: Vec<&Value> = generations.iter().map(|generation| &generation["number"]).collect();
    assert_eq!(numbers, [&json!(4), &json!(3), &json!(2), &json!(1)]);
    assert_eq!(generations[0]["restored_from"], 1);
}

#[rstest]
#[case("?generation=2", 409, "generation 2 is the current one")]
#[case("?generation=9", 409, "there is no generation 9")]
#[case("?generation=0", 400, "generation is \"0\"")]
#[case("?generation=-1", 400, "generation is")]
#[case("?generation=99999999999999999999", 400, "generation is")]
fn a_refused_rollback_is_a_problem_and_changes_nothing(
    #[case] query: &str,
    #[case] status: u16,
    #[case] detail: &str,
) {
    let (server, _) = retrained(Launch::new());
    let before = predictions(&server);
    let reply = roll_back(&server, query);
    assert_eq!((reply.status, reply.header("content-type")), (status, Some("application/problem+json")));
    assert!(reply.sentence().contains(detail), "{}", reply.text());
    assert_eq!(predictions(&server), before);
}

#[test]
fn without_an_earlier_generation_there_is_no_rollback() {
    let server = TestServer::start();
    assert_eq!(roll_back(&server, "").status, 404);
    server.train("m", &separable(40, false));
    let reply = roll_back(&server, "");
    reply.expect_error(409, "There was no rollback: there is no generation before the current one.");
    let evaluation = Form::model("m", "e").evaluation(2).file("dataset", &separable(40, false));
    server.post("/evaluation", &evaluation);
    let reply = server.post("/models/m/e/rollback", &Form::new());
    reply.expect_error(409, "There was no rollback: no model was trained or imported.");
}
