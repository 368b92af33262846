//! Users share the capacity of the server: one with much work delays another one by a single job.

use std::thread;

use serde_json::Value;

use crate::common::{Form, JobClient, Launch, Request, TestServer, separable, until};

fn launch() -> Launch {
    Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,bob:pw-bob").with_faults()
}

fn evaluation(id: &str) -> Form {
    Form::model(id, "e").evaluation(1).file("dataset", &separable(40, false))
}

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

/// Lets a job of ann run, which is held, and `count` others wait.
fn with_much_work(server: &TestServer, count: usize) -> Vec<String> {
    let ann = JobClient::new(server, "ann");
    server.hold("open an upload");
    let first = ann.start("/evaluation", &evaluation("a0"));
    server.wait_until_held();
    let others = (1..=count).map(|number| ann.start("/evaluation", &evaluation(&format!("a{number}"))));
    [first].into_iter().chain(others).collect()
}

fn time_of_end(job: &Value) -> String {
    job["ended"].as_str().expect("it has ended").to_owned()
}

#[test]
fn the_training_of_a_user_waits_for_one_job_of_another_user_alone() {
    let server = launch().env("MOODLE_MLBACKEND_JOBS", "1").start();
    let (ann, bob) = (JobClient::new(&server, "ann"), JobClient::new(&server, "bob"));
    let work = with_much_work(&server, 3);
    let training = bob.start("/training", &training("b"));
    server.release();
    let training = time_of_end(&bob.ended(&training));
    let before = work.iter().filter(|id| time_of_end(&ann.ended(id)) < training).count();
    assert_eq!(before, 1, "only the job that was running");
}

#[test]
fn a_full_queue_of_one_user_refuses_no_other_user() {
    let launch = launch().env("MOODLE_MLBACKEND_JOBS", "1").env("MOODLE_MLBACKEND_QUEUE_LENGTH", "2");
    let server = launch.env("MOODLE_MLBACKEND_METRICS_USER", "bob").start();
    let (ann, bob) = (JobClient::new(&server, "ann"), JobClient::new(&server, "bob"));
    with_much_work(&server, 2);
    let are_waiting = |count: usize| {
        let line = format!("moodle_mlbackend_queue_length{{queue=\"heavy\"}} {count}");
        bob.get("/metrics").text().contains(&line)
    };
    until("the jobs wait", || are_waiting(2));
    // A request that waits for its reply.
    let evaluate =
        |client: JobClient| client.send(Request::new("POST", "/evaluation").form(&evaluation("m")));
    let reply = evaluate(ann);
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.text().contains("MOODLE_MLBACKEND_QUEUE_LENGTH"), "{}", reply.text());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| evaluate(bob));
        until("it waits or is refused", || waiting.is_finished() || are_waiting(3));
        server.release();
        assert_eq!(waiting.join().expect("a reply").status, 200);
    });
}

#[test]
fn a_user_beyond_its_share_waits_while_others_use_the_rest() {
    let server =
        launch().env("MOODLE_MLBACKEND_JOBS", "2").env("MOODLE_MLBACKEND_JOBS_PER_USER", "1").start();
    let (ann, bob) = (JobClient::new(&server, "ann"), JobClient::new(&server, "bob"));
    let work = with_much_work(&server, 1);
    // The held job of ann takes its share, so the training of bob is the only other job that can run.
    let training = bob.start("/training", &training("b"));
    assert_eq!(bob.ended(&training)["state"], "done");
    assert_eq!(ann.job(&work[1])["state"], "queued");
    server.release();
    assert_eq!(ann.ended(&work[1])["state"], "done");
}
