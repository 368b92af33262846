//! Asynchronous jobs across the end of the server: what has not ended is done by the next one.

use serde_json::json;

use crate::common::{Form, JobClient, Launch, separable};

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

fn launch() -> Launch {
    Launch::new().env("MOODLE_MLBACKEND_JOBS", "1").with_faults()
}

fn trained_on(server: &crate::common::TestServer, id: &str) -> serde_json::Value {
    server.get(&format!("/models?uniqueid={id}")).json()["models"][0]["samples"].clone()
}

#[test]
fn jobs_of_a_server_that_was_killed_are_done_by_the_next_one() {
    let server = launch().start();
    let client = JobClient::new(&server, "a");
    let done = client.start("/training", &training("m"));
    client.ended(&done);
    server.hold("open an upload");
    let running = client.start("/training", &training("n"));
    server.wait_until_held();
    let waiting = client.start("/training", &training("o"));
    let dir = server.kill();

    let server = Launch::again(dir).start();
    let client = JobClient::new(&server, "a");
    assert_eq!(client.job(&done)["state"], "done");
    for (id, model) in [(running, "n"), (waiting, "o")] {
        let job = client.ended(&id);
        assert_eq!((&job["state"], &job["result"]["status"]), (&json!("done"), &json!(0)), "{job}");
        assert_eq!(trained_on(&server, model), json!(40), "no sample counts twice");
    }
}

#[test]
fn a_stopping_server_ends_what_runs_and_leaves_what_waits_to_the_next_one() {
    let server = launch().env("MOODLE_MLBACKEND_STOP_SECONDS", "300").start();
    let client = JobClient::new(&server, "a");
    server.hold("open an upload");
    let running = client.start("/training", &training("m"));
    server.wait_until_held();
    let waiting = client.start("/training", &training("n"));
    server.signal("TERM");
    crate::common::until("the server is stopping", || server.log().contains("new work is refused"));
    assert_eq!(client.job(&running)["state"], "running");
    server.release();
    let (code, dir) = server.ended();
    assert_eq!(code, Some(0));

    let server = Launch::again(dir).start();
    let client = JobClient::new(&server, "a");
    assert_eq!(client.job(&running)["state"], "done");
    assert_eq!(client.ended(&waiting)["state"], "done");
    assert_eq!((trained_on(&server, "m"), trained_on(&server, "n")), (json!(40), json!(40)));
}
