//! Asynchronous jobs: `Prefer: respond-async`, the state and the result of a job, and its end before its time.

use std::thread;

use serde_json::json;

use crate::common::{Form, JobClient, Launch, Request, TestServer, separable, trail_text, unlabelled, until};

const USERS: &str = "ann:pw-ann,bob:pw-bob,root:pw-root,eve:pw-eve";

fn with_roles() -> Launch {
    Launch::new()
        .env("MOODLE_MLBACKEND_PYTHON_USERS", USERS)
        .env("MOODLE_MLBACKEND_ADMINS", "root")
        .env("MOODLE_MLBACKEND_VIEWERS", "eve")
        .env("MOODLE_MLBACKEND_ISOLATE_USERS", "1")
}

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

fn prediction(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &unlabelled(&["1-0,1,3,-1", "2-0,1,-1,0.5"]))
}

fn evaluation(id: &str) -> Form {
    Form::model(id, "e").evaluation(1).file("dataset", &separable(60, false))
}

#[test]
fn a_job_has_byte_for_byte_the_reply_of_its_route() {
    let server = TestServer::start();
    let client = JobClient::new(&server, "a");
    let reply = client.post("/training", &training("m"));
    assert_eq!((reply.status, reply.header("preference-applied")), (202, Some("respond-async")));
    let address = reply.header("location").expect("an address").to_owned();
    assert_eq!((&reply.json()["job"], address.len()), (&json!(address), "/jobs/".len() + 32));
    let id = address.rsplit('/').next().expect("an id");
    let job = client.ended(id);
    assert_eq!((&job["state"], &job["status"]), (&json!("done"), &json!(200)), "{job}");
    assert_eq!(
        (&job["operation"], &job["uniqueid"], &job["dirhash"]),
        (&json!("training"), &json!("m"), &json!("d"))
    );
    assert_eq!(job["result"], json!({"status": 0, "info": []}));

    for route in ["/prediction", "/explanation"] {
        let expected = server.post(route, &prediction("m"));
        assert_eq!(expected.status, 200, "{}", expected.text());
        let id = client.start(route, &prediction("m"));
        client.ended(&id);
        let job = client.get(&format!("/jobs/{id}"));
        let end = format!(",\"result\":{}}}", expected.text());
        assert!(job.text().ends_with(&end), "{route}: {}", job.text());
    }
    let job = client.ended(&client.start("/evaluation", &evaluation("m")));
    assert_eq!(job["result"]["status"], 0, "{job}");
    let log = format!("/evaluationlog?uniqueid=m&dirhash=e&runid={}", job["result"]["runid"]);
    assert!(server.get(&log).body.len() > 22, "the run is stored");
    assert!(server.uploads().is_empty() && !trail_text(&server.data_dir()).is_empty());
}

#[test]
fn a_failed_job_has_the_status_and_the_sentence_of_its_route() {
    let server = TestServer::start();
    let client = JobClient::new(&server, "a");
    let broken = Form::model("m", "d").file("dataset", b"nonsense");
    let expected = server.post("/training", &broken);
    assert_eq!(expected.status, 400);
    let job = client.ended(&client.start("/training", &broken));
    assert_eq!((&job["state"], &job["status"]), (&json!("failed"), &json!(400)), "{job}");
    assert_eq!(job["error"], json!(expected.text()));
    assert!(job.get("result").is_none(), "{job}");
    // What is wrong with the request itself is refused at once, as ever.
    let reply = client.post("/training", &Form::new());
    assert_eq!(reply.status, 500, "{}", reply.text());
}

#[test]
fn a_training_that_is_cancelled_while_it_runs_publishes_nothing() {
    let server = Launch::new().with_faults().start();
    let client = JobClient::new(&server, "a");
    server.hold("open an upload");
    let id = client.start("/training", &training("m"));
    server.wait_until_held();
    assert_eq!(client.job(&id)["state"], "running");
    assert_eq!(client.delete(&id).status, 202);
    server.release();
    let job = client.ended(&id);
    assert_eq!((&job["state"], &job["status"]), (&json!("cancelled"), &json!(null)), "{job}");
    assert_eq!(server.get("/models").json()["models"], json!([]));
    assert!(trail_text(&server.data_dir()).contains("\"reason\":\"cancelled\""));
    // The model can be trained as if nothing had been.
    server.train("m", &separable(40, false));
}

#[test]
fn a_job_that_is_cancelled_while_it_waits_never_starts() {
    let server = Launch::new().env("MOODLE_MLBACKEND_JOBS", "1").with_faults().start();
    let client = JobClient::new(&server, "a");
    server.hold("open an upload");
    let first = client.start("/training", &training("m"));
    server.wait_until_held();
    let second = client.start("/training", &training("n"));
    assert_eq!(client.job(&second)["state"], "queued");
    let reply = client.delete(&second);
    assert_eq!((reply.status, &reply.json()["state"]), (202, &json!("cancelled")), "{}", reply.text());
    assert_eq!(client.ended(&second)["state"], "cancelled");
    server.release();
    assert_eq!(client.ended(&first)["state"], "done");
    assert_eq!(server.get("/models").json()["models"].as_array().map(Vec::len), Some(1));
    // A job that has ended is removed.
    assert_eq!(client.delete(&second).status, 204);
    let reply = client.get(&format!("/jobs/{second}"));
    assert_eq!((reply.status, &reply.json()["type"]), (404, &json!("/docs#no-such-job")), "{}", reply.text());
}

#[test]
fn a_client_can_wait_for_the_end_of_a_job() {
    let server = Launch::new().with_faults().start();
    let client = JobClient::new(&server, "a");
    server.hold("open an upload");
    let id = client.start("/training", &training("m"));
    server.wait_until_held();
    let wait = |seconds: &str| {
        let request =
            Request::new("GET", &format!("/jobs/{id}")).header("Prefer", &format!("wait={seconds}"));
        client.send(request)
    };
    let reply = wait("0");
    assert_eq!(
        (reply.header("preference-applied"), &reply.json()["state"]),
        (Some("wait=0"), &json!("running"))
    );
    thread::scope(|scope| {
        let waiting = scope.spawn(|| wait("3600"));
        server.release();
        let reply = waiting.join().expect("a response");
        assert_eq!(reply.header("preference-applied"), Some("wait=60"));
        assert_eq!(reply.json()["state"], "done", "{}", reply.text());
    });
}

#[test]
fn jobs_of_other_users_do_not_exist_and_viewers_see_no_results() {
    let server = with_roles().start();
    let [ann, bob, root, eve] = ["ann", "bob", "root", "eve"].map(|user| JobClient::new(&server, user));
    let id = ann.start("/training", &training("m"));
    let result = ann.ended(&id)["result"].clone();
    for reply in [bob.get(&format!("/jobs/{id}")), bob.delete(&id), bob.get("/jobs/none"), bob.delete("none")]
    {
        assert_eq!(
            (reply.status, &reply.json()["type"]),
            (404, &json!("/docs#no-such-job")),
            "{}",
            reply.text()
        );
    }
    let ids = |client: JobClient| -> Vec<String> {
        let jobs = client.get("/jobs").json()["jobs"].as_array().expect("a list").clone();
        jobs.iter().map(|job| format!("{} {}", job["id"].as_str().unwrap(), job["uniqueid"])).collect()
    };
    let expected = vec![format!("{id} \"m\"")];
    assert_eq!([ids(ann), ids(root), ids(eve)], [&expected[..], &expected, &expected]);
    assert!(ids(bob).is_empty());
    assert_eq!((&root.job(&id)["user"], &root.job(&id)["result"]), (&json!("ann"), &result));
    assert!(ann.job(&id).get("user").is_none() && eve.job(&id).get("result").is_none());
    assert_eq!(eve.delete(&id).status, 403);
    assert_eq!(root.delete(&id).status, 204);
    assert!(ids(ann).is_empty());
}

#[test]
fn a_deleted_model_takes_its_jobs_with_it() {
    let server = TestServer::start();
    let client = JobClient::new(&server, "a");
    let (own, other) = (client.start("/training", &training("m")), client.start("/training", &training("n")));
    client.ended(&own);
    client.ended(&other);
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert_eq!(client.get(&format!("/jobs/{own}")).status, 404);
    assert_eq!(client.job(&other)["state"], "done");
}

#[test]
fn the_list_has_pages_and_states() {
    let server = TestServer::start();
    let client = JobClient::new(&server, "a");
    let done = client.start("/training", &training("m"));
    client.ended(&done);
    let failed = client.start("/training", &Form::model("m", "d").file("dataset", b"nonsense"));
    client.ended(&failed);
    let page = client.get("/jobs?per_page=1");
    assert_eq!(page.json()["jobs"][0]["id"], json!(failed), "the newest first");
    let link = page.header("link").expect("links").to_owned();
    let next = link.split(['<', '>']).nth(1).expect("an address");
    let page = client.get(next).json();
    assert_eq!((&page["jobs"][0]["id"], page["jobs"].as_array().map(Vec::len)), (&json!(done), Some(1)));
    let page = client.get("/jobs?state=failed").json();
    assert_eq!((&page["jobs"][0]["id"], page["jobs"].as_array().map(Vec::len)), (&json!(failed), Some(1)));
    let reply = client.get("/jobs?state=lost");
    assert_eq!((reply.status, &reply.json()["type"]), (400, &json!("/docs#invalid-request")));
}

#[test]
fn results_are_kept_for_a_time_and_a_number_of_jobs() {
    let server = Launch::new().env("MOODLE_MLBACKEND_KEEP_JOBS", "1").with_faults().start();
    let client = JobClient::new(&server, "a");
    let first = client.start("/training", &training("m"));
    client.ended(&first);
    server.hold("open an upload");
    let second = client.start("/training", &training("n"));
    server.wait_until_held();
    assert_eq!(client.get(&format!("/jobs/{first}")).status, 404, "it gives way");
    let reply = client.post("/training", &training("o"));
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.text().contains("MOODLE_MLBACKEND_KEEP_JOBS") && reply.header("retry-after").is_some());
    server.release();
    client.ended(&second);

    let server = Launch::new().env("MOODLE_MLBACKEND_KEEP_JOB_SECONDS", "1").start();
    let client = JobClient::new(&server, "a");
    let id = client.start("/training", &training("m"));
    until("the time of the result is over", || client.get(&format!("/jobs/{id}")).status == 404);
    assert_eq!(client.get("/jobs").json()["jobs"], json!([]));
}
