//! Workers: processes that perform the jobs of a server, which they take from a queue in Redis.

use serde_json::json;

use crate::common::{
    Authority, Form, JobClient, Launch, Output, RedisServer, Reply, TestServer, TestWorker, namespaces,
    separable, tool, unlabelled, until,
};

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

/// The value of a metric without labels.
fn metric(server: &TestServer, name: &str) -> f64 {
    let text = server.get("/metrics").text().to_string();
    let name = format!("moodle_mlbackend_{name} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}in {text}"))
}

fn server(redis: &RedisServer) -> TestServer {
    let launch = Launch::new().env("MOODLE_MLBACKEND_METRICS_USER", "a");
    launch.env("MOODLE_MLBACKEND_REDIS_URL", &redis.url()).start()
}

fn worker(server: &TestServer, name: &str, redis: &RedisServer) -> TestWorker {
    TestWorker::start(&server.path(""), name, &redis.url(), &[])
}

/// The id of the run that a reply names, which is never the same.
fn run(reply: &Reply) -> Option<String> {
    reply.text().starts_with('{').then(|| reply.json()["runid"].to_string()).filter(|run| run != "null")
}

fn without_run(reply: &Reply) -> String {
    run(reply).map_or_else(|| reply.text().to_owned(), |run| reply.text().replace(&run, "RUN"))
}

#[test]
fn moodle_gets_the_reply_of_a_worker_byte_for_byte_as_without_one() {
    let test = "moodle_gets_the_reply_of_a_worker_byte_for_byte_as_without_one";
    let Some(redis) = RedisServer::start(test) else { return };
    let (alone, server) = (TestServer::start(), server(&redis));
    let worker = worker(&server, "worker", &redis);
    let samples = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1", "2-0,1,-1,0.5"]));
    let evaluation = Form::model("m", "e").evaluation(1).file("dataset", &separable(60, false));
    let broken = Form::model("m", "d").file("dataset", b"nonsense");
    let few = Form::model("few", "d").file("dataset", &separable(2, false));
    for (path, form) in [
        ("/training", &training("m")),
        ("/training", &training("m")),
        ("/training", &few),
        ("/training", &broken),
        ("/evaluation", &evaluation),
        ("/evaluation", &broken),
        ("/prediction", &samples),
    ] {
        let (expected, reply) = (alone.post(path, form), server.post(path, form));
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (expected.status, expected.header("content-type"))
        );
        assert_eq!(without_run(&reply), without_run(&expected), "{path}");
        if let Some(run) = run(&reply) {
            assert!(server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}")).body.len() > 22);
        }
    }
    // The server has trained nothing, and has no traces of it.
    assert!(worker.log().contains("training"), "{}", worker.log());
    assert_eq!(JobClient::new(&server, "a").get("/jobs").json()["jobs"], json!([]));
    assert_eq!(std::fs::read_dir(server.data_dir().join(".mlbackend/jobs")).unwrap().count(), 0);
}

#[test]
fn a_worker_does_asynchronous_jobs_and_their_progress_is_known() {
    let test = "a_worker_does_asynchronous_jobs_and_their_progress_is_known";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    let worker = worker(&server, "worker", &redis);
    let client = JobClient::new(&server, "a");
    worker.hold("open an upload");
    let id = client.start("/training", &training("m"));
    worker.wait_until_held();
    until("the worker says how far it is", || client.job(&id)["state"] == "running");
    assert_eq!(client.job(&id)["progress"]["phase"], "reading");
    assert_eq!(client.get("/jobs?state=running").json()["jobs"][0]["id"], json!(id));
    worker.release();
    let job = client.ended(&id);
    assert_eq!((&job["state"], &job["result"]), (&json!("done"), &json!({"status": 0, "info": []})), "{job}");
    let explained = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    let job = client.ended(&client.start("/explanation", &explained));
    assert_eq!(job["state"], "done", "{job}");
    // The server has the model in memory for this one.
    let job = client.ended(&client.start("/prediction", &explained));
    assert_eq!(job["state"], "done", "{job}");
    until("the queue is empty", || metric(&server, "worker_jobs_running") == 0.0);
    assert_eq!((metric(&server, "workers"), metric(&server, "worker_queue_reachable")), (1.0, 1.0));
}

#[test]
fn a_job_of_a_worker_can_be_cancelled_while_it_waits_and_while_it_runs() {
    let test = "a_job_of_a_worker_can_be_cancelled_while_it_waits_and_while_it_runs";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = server(&redis);
    let settings = [("MOODLE_MLBACKEND_JOBS", "1")];
    let worker = TestWorker::start(&server.path(""), "worker", &redis.url(), &settings);
    let client = JobClient::new(&server, "a");
    worker.hold("open an upload");
    let running = client.start("/training", &training("m"));
    worker.wait_until_held();
    let waiting = client.start("/training", &training("n"));
    until("the worker says how far it is", || client.job(&running)["state"] == "running");
    assert_eq!(client.job(&waiting)["state"], "queued");
    let reply = client.delete(&waiting);
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelled")), "{}", reply.text());
    assert_eq!(client.delete(&running).status, 202);
    until("the worker knows", || worker.log().contains("a job is cancelled"));
    worker.release();
    assert_eq!(client.ended(&running)["state"], "cancelled");
    assert_eq!(server.get("/models").json()["models"], json!([]));
    assert_eq!(client.ended(&client.start("/training", &training("o")))["state"], "done");
}

#[test]
fn a_user_with_many_jobs_delays_that_of_another_by_one_job() {
    let test = "a_user_with_many_jobs_delays_that_of_another_by_one_job";
    let Some(redis) = RedisServer::start(test) else { return };
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_REDIS_URL", &redis.url())
        .env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw-ann,ben:pw-ben")
        .start();
    let [ann, ben] = ["ann", "ben"].map(|user| JobClient::new(&server, user));
    let many: Vec<String> =
        (0..4).map(|number| ann.start("/training", &training(&format!("a{number}")))).collect();
    let one = ben.start("/training", &training("b"));
    let settings = [("MOODLE_MLBACKEND_JOBS", "1")];
    let _worker = TestWorker::start(&server.path(""), "worker", &redis.url(), &settings);
    let ended = |client: JobClient, id: &str| client.ended(id)["ended"].as_str().expect("a time").to_owned();
    let mut order: Vec<String> = many.iter().map(|id| ended(ann, id)).collect();
    order.sort();
    assert!(ended(ben, &one) < order[1], "{order:?}");
}

#[test]
fn the_queue_can_be_reached_with_tls() {
    let test = "the_queue_can_be_reached_with_tls";
    let Some(authority) = Authority::new(test) else { return };
    let files = authority.issue("redis", 90);
    let files = [files.cert.as_path(), &files.key, &authority.root()];
    let Some(redis) = RedisServer::start_with_tls(test, files) else { return };
    let root = authority.root();
    let root = root.to_str().expect("text");
    let launch = Launch::new().env("SSL_CERT_FILE", root);
    let server = launch.env("MOODLE_MLBACKEND_REDIS_URL", &redis.url()).start();
    let worker = TestWorker::start(&server.path(""), "worker", &redis.url(), &[("SSL_CERT_FILE", root)]);
    server.train("m", &separable(40, false));
    until("the worker has trained", || worker.log().contains("training ended"));

    // One that does not trust the certificate does the work itself.
    let stranger = Launch::new().env("MOODLE_MLBACKEND_REDIS_URL", &redis.url()).start();
    stranger.train("m", &separable(40, false));
    assert!(stranger.log().contains("the queue cannot be used"), "{}", stranger.log());
}

#[test]
fn an_address_of_the_queue_is_a_secret() {
    let launch = Launch::new();
    let file = launch.path("redis-url");
    #[allow(clippy::disallowed_methods, reason = "a file of the test")]
    std::fs::write(&file, "redis://:secret-of-the-queue@127.0.0.1:1\n").unwrap();
    let server = launch.env("MOODLE_MLBACKEND_REDIS_URL_FILE", file.to_str().unwrap()).start();
    server.train("m", &separable(40, false));
    assert!(server.log().contains("the queue cannot be used"), "{}", server.log());
    assert!(!server.log().contains("secret-of"), "{}", server.log());
    let ended = Launch::new().env("MOODLE_MLBACKEND_REDIS_URL", "http://:secret-of-it@host").fail();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("MOODLE_MLBACKEND_REDIS_URL"), "{}", ended.stderr);
}

#[test]
fn a_worker_without_a_queue_does_not_start() {
    let server = TestServer::start();
    let output = Output::of(&mut TestWorker::command(&server.path(""), "", &[]));
    assert!(output.expect_code(1).contains("set MOODLE_MLBACKEND_REDIS_URL"), "{output:?}");
}

/// In a network of its own, where 192.0.2.1 is an address that other machines could reach.
#[test]
fn a_redis_that_is_open_to_other_machines_is_refused() {
    let test = "a_redis_that_is_open_to_other_machines_is_refused";
    let (Some(redis), Some(_)) = (tool(test, "redis-server"), tool(test, "ip")) else { return };
    let refused = |password: &str| {
        let namespace = namespaces(test, &["--net"])?;
        let url = format!("redis://{password}192.0.2.1:6379");
        let launch = Launch::new().env("MOODLE_MLBACKEND_REDIS_URL", &url);
        let options = "--bind 192.0.2.1 --protected-mode no --save ''";
        let secret = if password.is_empty() { "" } else { "--requirepass secret" };
        let script = format!(
            "PATH=$PATH:/sbin:/usr/sbin; ip link set lo up && ip address add 192.0.2.1/32 dev lo || exit 9
             {} {options} {secret} >/dev/null 2>&1 & redis=$!
             for _ in $(seq 200); do grep -q ':18EB ' /proc/self/net/tcp && break; sleep 0.02; done
             timeout 2 \"$@\"; code=$?; kill $redis; exit $code",
            redis.display()
        );
        Some(launch.inside(namespace, &script).fail())
    };
    let Some(open) = refused("") else { return };
    assert_eq!(open.code, Some(1), "{}", open.stderr);
    assert!(open.stderr.contains("accepts clients without a password"), "{}", open.stderr);
    // With one, the server starts and runs until it is ended.
    let closed = refused(":secret@").expect("namespaces");
    assert!(!closed.stderr.contains("without a password") && closed.code != Some(1), "{}", closed.stderr);
}
