//! Workers and Redis that are killed at random: every job ends, no sample is lost or counts twice, and users stay apart.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{
    Dice, Form, JobClient, Launch, RedisServer, Reply, Request, TestServer, TestWorker, labelled, long,
};

const USERS: [&str; 2] = ["ann", "ben"];
const WORKERS: usize = 3;
/// Enough for the check of repeated batches.
const BATCH: usize = 24;

/// Distinct samples of a user in a round.
fn batch(user: usize, round: usize) -> Vec<u8> {
    let row = |n: usize| {
        format!("{},{round}.{n:02},{},{}", user + 1, if n.is_multiple_of(2) { "-1" } else { "1" }, n % 2)
    };
    labelled(&(0..BATCH).map(row).collect::<Vec<_>>())
}

fn training(user: usize, round: usize) -> Form {
    Form::model("m", "d").file("dataset", &batch(user, round))
}

/// What Moodle does: it sends the batch again until it is accepted.
fn train(server: &TestServer, user: usize, round: usize) {
    for _ in 0..50 {
        let request = Request::new("POST", "/training").form(&training(user, round));
        let reply: Reply = JobClient::new(server, USERS[user]).send(request);
        if reply.status == 200 {
            assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
            return;
        }
        assert!(reply.status >= 500, "{}", reply.text());
        thread::sleep(Duration::from_millis(100));
    }
    panic!("a batch was never accepted");
}

/// An asynchronous evaluation, until it ends.
fn evaluate(server: &TestServer, user: usize, round: usize) -> Option<Value> {
    let form = Form::model("m", "e").evaluation(1).file("dataset", &batch(user, round));
    let reply = JobClient::new(server, USERS[user]).post("/evaluation", &form);
    if reply.status == 503 {
        assert!(reply.header("retry-after").is_some(), "{}", reply.text());
        return None;
    }
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["id"].as_str().expect("an id").to_owned();
    let others = JobClient::new(server, USERS[1 - user]).get(&format!("/jobs/{id}"));
    assert_eq!(others.status, 404, "{}", others.text());
    Some(JobClient::new(server, USERS[user]).ended(&id))
}

/// Kills a worker or Redis at random until the work is done.
fn kill_at_random(server: &TestServer, redis: &Mutex<RedisServer>, seed: u64, is_over: &AtomicBool) {
    let mut dice = Dice::new(seed);
    let url = redis.lock().unwrap_or_else(PoisonError::into_inner).url();
    let settings = [
        ("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,ben:pw-ben"),
        ("MOODLE_MLBACKEND_ISOLATE_USERS", "1"),
        ("MOODLE_MLBACKEND_JOBS", "1"),
    ];
    let start =
        |index: usize| TestWorker::start(&server.path(""), &format!("worker-{index}"), &url, &settings);
    let mut workers: Vec<Option<TestWorker>> = (0..WORKERS).map(|index| Some(start(index))).collect();
    while !is_over.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(50 + dice.below(700) as u64));
        if dice.chance(0.25) {
            let mut redis = redis.lock().unwrap_or_else(PoisonError::into_inner);
            redis.kill();
            thread::sleep(Duration::from_millis(dice.below(1500) as u64));
            redis.start_again();
        } else {
            let index = dice.below(WORKERS);
            workers[index].take().expect("a worker").kill();
            workers[index] = Some(start(index));
        }
    }
}

#[test]
fn every_job_ends_and_no_sample_is_lost_whatever_is_killed() {
    let test = "every_job_ends_and_no_sample_is_lost_whatever_is_killed";
    let Some(redis) = RedisServer::start(test) else { return };
    let rounds = if long() { 100 } else { 2 };
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_REDIS_URL", &redis.url())
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,ben:pw-ben")
        .env("MOODLE_MLBACKEND_ISOLATE_USERS", "1")
        .start();
    let redis = Mutex::new(redis);
    for round in 0..rounds {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let killer = scope.spawn(|| kill_at_random(&server, &redis, round as u64, &is_over));
            let work = [0, 1].map(|user| {
                let server = &server;
                let training = scope.spawn(move || train(server, user, round));
                (training, scope.spawn(move || evaluate(server, user, round)))
            });
            let ended = work.map(|(training, evaluation)| (training.join(), evaluation.join()));
            is_over.store(true, Ordering::SeqCst);
            killer.join().expect("nothing else fails");
            for (training, evaluation) in ended {
                training.expect("the batch is accepted");
                let Some(job) = evaluation.expect("the job ends") else { continue };
                // One whose workers were killed three times is set aside.
                let is_set_aside = job["error"].as_str().is_some_and(|error| error.contains("set aside"));
                assert!(job["state"] == "done" || is_set_aside, "{job}");
            }
        });
        for user in USERS {
            let models = JobClient::new(&server, user).get("/models?uniqueid=m").json();
            let samples = &models["models"][0]["samples"];
            assert_eq!(*samples, json!(BATCH * (round + 1)), "round {round}, {user}: {models}");
        }
    }
    let hidden =
        std::fs::read_dir(server.data_dir().join(".mlbackend/jobs")).unwrap().flatten().filter(|job| {
            let record = std::fs::read_to_string(job.path().join("job.json")).unwrap_or_default();
            record.contains("\"is_hidden\":true")
        });
    assert_eq!(hidden.count(), 0, "what belonged to a request is removed with its reply");
}
