//! Workers that end unexpectedly or stop, and a queue that is emptied or away.

use std::thread;

use serde_json::json;

use crate::common::{
    Form, JobClient, Launch, RedisServer, Request, TestServer, TestWorker, separable, until,
};

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

fn server(redis: &RedisServer) -> TestServer {
    Launch::new().env("MOODLE_MLBACKEND_REDIS_URL", &redis.url()).start()
}

fn worker(server: &TestServer, name: &str, redis: &RedisServer) -> TestWorker {
    let settings = [("MOODLE_MLBACKEND_JOBS", "1"), ("MOODLE_MLBACKEND_STOP_SECONDS", "300")];
    TestWorker::start(&server.path(""), name, &redis.url(), &settings)
}

fn samples(server: &TestServer, id: &str) -> serde_json::Value {
    server.get(&format!("/models?uniqueid={id}")).json()["models"][0]["samples"].clone()
}

/// Kills each worker that has the next job, with as many workers as there are names. Returns what started the job.
fn kill_workers<T>(server: &TestServer, redis: &RedisServer, names: &[&str], start: impl FnOnce() -> T) -> T {
    let mut current = worker(server, names[0], redis);
    current.hold("open an upload");
    let started = start();
    for name in &names[1..] {
        current.wait_until_held();
        current.kill();
        current = worker(server, name, redis);
        current.hold("open an upload");
    }
    current.wait_until_held();
    current.kill();
    started
}

/// Redis, a server and a worker; `None`, and a skipped test, where Redis is not installed.
fn with_worker(test: &str) -> Option<(RedisServer, TestServer, TestWorker)> {
    let redis = RedisServer::start(test)?;
    let server = server(&redis);
    let worker = worker(&server, "worker", &redis);
    Some((redis, server, worker))
}

#[test]
fn the_job_of_a_worker_that_was_killed_is_done_by_another() {
    let test = "the_job_of_a_worker_that_was_killed_is_done_by_another";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    let client = JobClient::new(&server, "a");
    thread::scope(|scope| {
        // Moodle waits for this one.
        let start = || scope.spawn(|| server.post("/training", &training("m")));
        let waiting = kill_workers(&server, &redis, &["first"], start);
        let id = client.start("/training", &training("n"));
        let _second = worker(&server, "second", &redis);
        let reply = waiting.join().expect("a reply");
        assert_eq!((reply.status, reply.json()), (200, json!({"status": 0, "info": []})), "{}", reply.text());
        assert_eq!(client.ended(&id)["state"], "done");
    });
    assert_eq!((samples(&server, "m"), samples(&server, "n")), (json!(40), json!(40)));
}

#[test]
fn a_job_that_ends_its_workers_is_set_aside() {
    let test = "a_job_that_ends_its_workers_is_set_aside";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    let client = JobClient::new(&server, "a");
    let start = || client.start("/training", &training("m"));
    let id = kill_workers(&server, &redis, &["first", "second", "third"], start);
    let fourth = worker(&server, "fourth", &redis);
    let job = client.ended(&id);
    assert_eq!((&job["state"], &job["status"]), (&json!("failed"), &json!(500)), "{job}");
    assert!(job["error"].as_str().is_some_and(|error| error.contains("3 times in a row")), "{job}");
    assert_eq!(client.get("/jobs?state=failed").json()["jobs"][0]["id"], json!(id));
    assert!(fourth.log().contains("a job was set aside"), "{}", fourth.log());
    // The worker goes on with others.
    server.train("n", &separable(40, false));
}

#[test]
fn a_worker_that_stops_finishes_its_job_or_returns_it() {
    let test = "a_worker_that_stops_finishes_its_job_or_returns_it";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    let client = JobClient::new(&server, "a");
    let first = worker(&server, "first", &redis);
    first.hold("open an upload");
    let id = client.start("/training", &training("m"));
    first.wait_until_held();
    first.signal("TERM");
    until("the worker stops", || first.log().contains("no further jobs are taken"));
    let waiting = client.start("/training", &training("n"));
    first.release();
    assert_eq!(first.ended(), Some(0));
    assert_eq!(
        (client.job(&id)["state"].clone(), client.job(&waiting)["state"].clone()),
        (json!("done"), json!("queued"))
    );

    let settings = [("MOODLE_MLBACKEND_STOP_SECONDS", "0")];
    let hasty = TestWorker::start(&server.path(""), "hasty", &redis.url(), &settings);
    client.ended(&waiting);
    hasty.hold("open an upload");
    let id = client.start("/training", &training("o"));
    hasty.wait_until_held();
    hasty.signal("TERM");
    assert_eq!(hasty.ended(), Some(0));
    assert_eq!(client.job(&id)["state"], "queued");
    let _third = worker(&server, "third", &redis);
    assert_eq!(client.ended(&id)["state"], "done");
    assert_eq!(samples(&server, "o"), json!(40));
}

#[test]
fn a_queue_that_is_emptied_gets_its_jobs_again() {
    let test = "a_queue_that_is_emptied_gets_its_jobs_again";
    let Some((redis, server, worker)) = with_worker(test) else { return };
    let client = JobClient::new(&server, "a");
    worker.hold("open an upload");
    thread::scope(|scope| {
        let running = scope.spawn(|| server.post("/training", &training("m")));
        worker.wait_until_held();
        let waiting = scope.spawn(|| server.post("/training", &training("n")));
        let asynchronous = client.start("/training", &training("o"));
        redis.empty();
        until("the queue has the job again", || client.job(&asynchronous)["state"] == "queued");
        worker.release();
        for reply in [running.join().expect("a reply"), waiting.join().expect("a reply")] {
            assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
        }
        assert_eq!(client.ended(&asynchronous)["state"], "done");
    });
    assert_eq!(["m", "n", "o"].map(|id| samples(&server, id)), [json!(40), json!(40), json!(40)]);
}

#[test]
fn without_redis_the_server_does_the_work_and_refuses_asynchronous_requests() {
    let test = "without_redis_the_server_does_the_work_and_refuses_asynchronous_requests";
    let Some((mut redis, server, worker)) = with_worker(test) else { return };
    let client = JobClient::new(&server, "a");
    worker.hold("open an upload");
    thread::scope(|scope| {
        let running = scope.spawn(|| server.post("/training", &training("m")));
        worker.wait_until_held();
        let waiting = scope.spawn(|| server.post("/training", &training("n")));
        let asynchronous = client.start("/training", &training("o"));
        until("both requests wait", || stored_jobs(&server) == 3);
        redis.kill();
        let reply = client.post("/training", &training("p"));
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("60")), "{}", reply.text());
        assert!(reply.text().contains("MOODLE_MLBACKEND_REDIS_URL"), "{}", reply.text());
        server.train("q", &separable(40, false));
        // The worker still has the first one; the second one waits for nothing that comes.
        let reply = waiting.join().expect("a reply");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
        assert_eq!(client.job(&asynchronous)["state"], "queued");
        worker.release();
        let reply = running.join().expect("a reply");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
        redis.start_again();
        assert_eq!(client.ended(&asynchronous)["state"], "done");
        assert_eq!(client.ended(&client.start("/training", &training("r")))["state"], "done");
    });
    assert_eq!(
        ["m", "n", "o", "q"].map(|id| samples(&server, id)),
        [json!(40), json!(40), json!(40), json!(40)]
    );
    assert_eq!(worker.log().matches("training ended").count(), 3, "{}", worker.log());
}

#[test]
fn a_redis_that_hangs_is_like_one_that_is_away() {
    let test = "a_redis_that_hangs_is_like_one_that_is_away";
    let Some((redis, server, worker)) = with_worker(test) else { return };
    let client = JobClient::new(&server, "a");
    server.train("m", &separable(40, false));
    redis.signal("STOP");
    server.train("n", &separable(40, false));
    let reply = client.post("/training", &training("o"));
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("60")), "{}", reply.text());
    assert_eq!(client.get("/jobs").json()["jobs"], json!([]), "nothing is left of it");
    redis.signal("CONT");
    until("Redis is used again", || client.post("/training", &training("o")).status == 202);
    until("the worker trains again", || worker.log().matches("training ended").count() >= 2);
}

#[test]
fn without_a_worker_the_server_does_the_work() {
    let test = "without_a_worker_the_server_does_the_work";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    server.train("m", &separable(40, false));
    assert!(server.log().contains("no worker can be reached"), "{}", server.log());
}

fn stored_jobs(server: &TestServer) -> usize {
    std::fs::read_dir(server.data_dir().join(".mlbackend/jobs")).into_iter().flatten().count()
}

#[test]
fn the_job_of_a_request_that_waits_is_shown_to_no_user_and_cancelled_by_none() {
    let test = "the_job_of_a_request_that_waits_is_shown_to_no_user_and_cancelled_by_none";
    let Some(redis) = RedisServer::start(test) else { return };
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,ben:pw-ben");
    let launch = launch.env("MOODLE_MLBACKEND_REDIS_URL", &redis.url());
    let server = launch.env("MOODLE_MLBACKEND_ISOLATE_USERS", "1").start();
    let worker = worker(&server, "worker", &redis);
    worker.hold("open an upload");
    let request = Request::new("POST", "/training").credentials("ann", "pw-ann").form(&training("m"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.send(&request));
        worker.wait_until_held();
        let jobs = std::fs::read_dir(server.data_dir().join(".mlbackend/jobs")).expect("a directory");
        let names: Vec<String> =
            jobs.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let [id] = &names[..] else { panic!("{names:?}") };
        for client in ["ann", "ben"].map(|user| JobClient::new(&server, user)) {
            let path = format!("/jobs/{id}");
            assert_eq!(client.get(&path).status, 404);
            assert_eq!(client.send(Request::new("DELETE", &path)).status, 404);
        }
        worker.release();
        let reply = waiting.join().expect("a reply");
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(0)), "{}", reply.text());
    });
}

#[test]
fn the_job_of_a_client_that_closes_its_connection_is_done_as_without_workers() {
    let test = "the_job_of_a_client_that_closes_its_connection_is_done_as_without_workers";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    let first = worker(&server, "worker", &redis);
    first.hold("open an upload");
    let running = JobClient::new(&server, "a").start("/training", &training("m"));
    first.wait_until_held();
    let request = Request::new("POST", "/training").credentials("a", "b").form(&training("n"));
    let mut connection = server.connect();
    connection.write_all(&request.bytes()).expect("sent");
    until("the job waits", || stored_jobs(&server) == 2);
    drop(connection);
    first.release();
    assert_eq!(JobClient::new(&server, "a").ended(&running)["state"], "done");
    until("the model is trained", || samples(&server, "n") == json!(40));
    until("the job is removed", || stored_jobs(&server) == 1);
}

#[test]
fn a_server_that_ends_without_waiting_cancels_the_jobs_of_its_requests() {
    let test = "a_server_that_ends_without_waiting_cancels_the_jobs_of_its_requests";
    let Some(redis) = RedisServer::start(test) else { return };
    let launch = Launch::new().env("MOODLE_MLBACKEND_REDIS_URL", &redis.url());
    let server = launch.env("MOODLE_MLBACKEND_STOP_SECONDS", "0").start();
    let worker = worker(&server, "worker", &redis);
    worker.hold("open an upload");
    let request = Request::new("POST", "/training").credentials("a", "b").form(&training("m"));
    let mut connection = server.connect();
    connection.write_all(&request.bytes()).expect("sent");
    worker.wait_until_held();
    let (code, directory) = server.terminate();
    assert_eq!(code, Some(0));
    until("the worker knows", || worker.log().contains("a job is cancelled"));
    worker.release();
    until("the training ends", || worker.log().contains("training ended"));
    let server = Launch::again(directory).start();
    assert_eq!(server.get("/models").json()["models"], json!([]));
}
