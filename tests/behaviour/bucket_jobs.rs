//! Asynchronous jobs of servers that share a bucket.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::{
    Form, JobClient, Launch, ObjectServer, Output, RedisServer, TestWorker, bucket_settings, program,
    separable, unlabelled, until,
};

fn on(settings: &[(&'static str, String)]) -> Launch {
    Launch::on_bucket(settings).with_faults()
}

fn training(id: &str) -> Form {
    Form::model(id, "d").file("dataset", &separable(40, false))
}

#[test]
fn any_server_on_a_bucket_shows_the_jobs_of_all_of_them() {
    let Some(s3) = ObjectServer::shared("any_server_on_a_bucket_shows_the_jobs_of_all_of_them") else {
        return;
    };
    let bucket = s3.bucket();
    let settings = bucket_settings(&s3.url(), &bucket);
    let servers = [(); 2].map(|()| on(&settings).start());
    let [one, other] = &servers;
    let [client, elsewhere] = [one, other].map(|server| JobClient::new(server, "a"));
    let trained = client.start("/training", &training("m"));
    client.ended(&trained);
    assert_eq!(elsewhere.job(&trained)["result"], json!({"status": 0, "info": []}));

    let rows = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1"]));
    let predicted = elsewhere.start("/prediction", &rows);
    elsewhere.ended(&predicted);
    let expected = one.post("/prediction", &rows);
    let result = format!(",\"result\":{}}}", expected.text());
    assert!(client.get(&format!("/jobs/{predicted}")).text().ends_with(&result));
    let listed = client.get("/jobs").json()["jobs"].as_array().map(Vec::len);
    assert_eq!(listed, Some(2));

    // The uploads go with the end of a job, and all of it with its removal.
    let keys = || {
        let keys = s3.client(&bucket).keys().unwrap();
        keys.into_iter().filter(|key| key.starts_with(".mlbackend/jobs/")).collect::<Vec<_>>()
    };
    until("no lease is left", || keys().iter().all(|key| !key.ends_with("/lease")));
    let mut expected: Vec<String> = [&trained, &predicted]
        .iter()
        .flat_map(|id| ["job.json", "result"].map(|name| format!(".mlbackend/jobs/{id}/{name}")))
        .collect();
    expected.sort();
    assert_eq!(keys(), expected);
    assert_eq!(elsewhere.delete(&trained).status, 204);
    assert_eq!(client.delete(&predicted).status, 204);
    assert_eq!(keys(), Vec::<String>::new());
    assert_eq!(client.get(&format!("/jobs/{trained}")).status, 404);
}

#[test]
fn a_job_of_a_killed_server_is_done_by_another_one_and_its_trail_is_completed() {
    let test = "a_job_of_a_killed_server_is_done_by_another_one_and_its_trail_is_completed";
    let Some(s3) = ObjectServer::shared(test) else { return };
    let bucket = s3.bucket();
    let settings = bucket_settings(&s3.url(), &bucket);
    let server = on(&settings).start();
    let other = on(&settings).start();
    let client = JobClient::new(&server, "a");
    server.hold("open an upload");
    let running = client.start("/training", &training("m"));
    server.wait_until_held();
    let elsewhere = JobClient::new(&other, "a");
    assert_eq!(elsewhere.job(&running)["state"], "queued", "it cannot see how far another server is");
    server.kill();
    // It first sees for a while that the lease is not renewed.
    let job = elsewhere.ended(&running);
    assert_eq!((&job["state"], &job["result"]["status"]), (&json!("done"), &json!(0)), "{job}");
    assert_eq!(other.get("/models?uniqueid=m").json()["models"][0]["samples"], json!(40));
    let trail = || {
        let mut audit = program(&["audit", "--json", &format!("s3://{bucket}")]);
        Output::of(audit.envs(settings.iter().cloned())).stdout
    };
    until("the training of the killed server is interrupted", || {
        trail().contains("\"event\":\"interrupted\"")
    });
    let lines: Vec<Value> = trail().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = |event: &str| lines.iter().filter(|line| line["event"] == json!(event)).collect::<Vec<_>>();
    let [interrupted] = events("interrupted")[..] else { panic!("{lines:?}") };
    let began = events("began").into_iter().find(|line| line["id"] == interrupted["id"]);
    assert_eq!(began.map(|line| &line["uniqueid"]), Some(&json!("m")), "{lines:?}");
    assert_eq!(events("ended").len(), 1, "{lines:?}");
}

#[test]
fn a_worker_on_a_bucket_does_the_trainings_of_a_server_on_another_machine() {
    let test = "a_worker_on_a_bucket_does_the_trainings_of_a_server_on_another_machine";
    let (Some(s3), Some(redis)) = (ObjectServer::shared(test), RedisServer::start(test)) else { return };
    let bucket = s3.bucket();
    let settings = bucket_settings(&s3.url(), &bucket);
    let server = on(&settings).env("MOODLE_MLBACKEND_REDIS_URL", &redis.url()).start();
    // Nothing is on a disk that both could use.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(elsewhere.path().join("temp")).unwrap();
    let text: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let worker = TestWorker::start(elsewhere.path(), "worker", &redis.url(), &text);
    let reply = server.post("/training", &training("m"));
    assert_eq!((reply.status, reply.text()), (200, r#"{"status":0,"info":[]}"#));
    assert!(worker.log().contains("training ended"), "{}", worker.log());
    let client = JobClient::new(&server, "a");
    let job = client.ended(&client.start("/training", &training("n")));
    assert_eq!(job["result"], json!({"status": 0, "info": []}), "{job}");
    let samples =
        |id: &str| server.get(&format!("/models?uniqueid={id}")).json()["models"][0]["samples"].clone();
    assert_eq!((samples("m"), samples("n")), (json!(40), json!(40)));
    // The request of Moodle leaves nothing of its job.
    let jobs: Vec<String> = s3.client(&bucket).keys().unwrap();
    let jobs = jobs.iter().filter_map(|key| key.strip_prefix(".mlbackend/jobs/")?.split('/').next());
    assert_eq!(jobs.collect::<BTreeSet<_>>().len(), 1);
}
