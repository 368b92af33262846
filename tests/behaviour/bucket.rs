//! Servers that share a bucket of a real S3 server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{
    Dice, Fault, FaultyProxy, Form, Launch, ObjectServer, Replicas, Reply, Request, batch, bucket_command,
    bucket_settings, cookie, free_port, labelled, legacy_zip, rounds, separable, sign_in, try_exchange,
    unlabelled, until,
};

const BUCKET: &str = "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME";

/// How long the object store is away.
const OUTAGE: Duration = Duration::from_secs(20);

pub type Settings = [(&'static str, String)];

#[test]
fn any_server_on_a_bucket_answers_for_all_of_them() {
    let Some(s3) = ObjectServer::shared("any_server_on_a_bucket_answers_for_all_of_them") else { return };
    let bucket = s3.bucket();
    any_server_answers_for_all(&bucket_settings(&s3.url(), &bucket), &format!("s3://{bucket}"));
}

/// The same for each kind of object store: two servers on the bucket with this URL, which is empty before.
pub fn any_server_answers_for_all(settings: &Settings, url: &str) {
    let servers = [(); 2].map(|()| Launch::on_bucket(settings).start());
    let [one, other] = &servers;
    one.train("m", &separable(60, false));
    let rows = unlabelled(&["1-0,1,1,-1", "2-0,1,1,-0.2"]);
    let predicted = one.predictions("m", &rows);
    assert_eq!(other.predictions("m", &rows), predicted);
    // A training on one is used by the other's next prediction, though that has the model in memory.
    other.train("m", &separable(600, true));
    assert_ne!(one.predictions("m", &rows), predicted);
    assert_eq!(one.predictions("m", &rows), other.predictions("m", &rows));

    let form = Form::model("m", "d").evaluation(2);
    let reply = one.post("/evaluation", &form.file("dataset", &separable(200, false)));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let run = reply.json()["runid"].to_string();
    let log = other.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={}", run.trim_matches('"')));
    assert_eq!((log.status, log.header("content-type")), (200, Some("application/zip")));

    let export = other.export("m");
    assert_eq!(one.import("imported", &export).status, 200);
    assert_eq!(other.predictions("imported", &rows), one.predictions("m", &rows));
    let listed = other.get("/models").json()["models"].clone();
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|model| model["uniqueid"].as_str().unwrap()).collect();
    assert_eq!(ids, ["imported", "m"]);
    let rolled_back = other.post("/models/m/d/rollback", &Form::new());
    assert_eq!(rolled_back.status, 200, "{}", rolled_back.text());
    assert_eq!(one.predictions("m", &rows), predicted);

    // Signing in at one of them suffices.
    let cookie = cookie(&sign_in(one, "a", "b")).unwrap();
    let page = other.send(&Request::new("GET", "/dashboard").header("Cookie", &cookie));
    assert_eq!(page.status, 200, "{}", page.text());

    assert_eq!(other.post("/deletemodel", &Form::new().field("uniqueid", "m")).status, 200);
    assert_eq!(one.predict("m", &rows)["status"], json!(2));
    let trail = bucket_command(settings, &["audit", "--json", url]);
    for operation in ["training", "prediction", "evaluation", "rollback", "deletion"] {
        assert!(trail.contains(&format!("\"operation\":\"{operation}\"")), "no {operation}: {trail}");
    }
    assert!(bucket_command(settings, &["check", url]).contains("0 problems"));
    assert_eq!(one.data_dir().read_dir().unwrap().count(), 0, "nothing is on the disk");
}

#[test]
fn models_of_the_python_server_are_used_in_place_and_can_be_migrated() {
    let Some(s3) = ObjectServer::shared("models_of_the_python_server_are_used_in_place_and_can_be_migrated")
    else {
        return;
    };
    let Some(zip) = legacy_zip("a model of the Python server in a bucket", "keras-422-features") else {
        return;
    };
    let bucket = s3.bucket();
    let settings = bucket_settings(&s3.url(), &bucket);
    s3.client(&bucket).put("old/d", zip).unwrap();
    let server = Launch::on_bucket(&settings).start();
    let listed = server.get("/models").json();
    assert_eq!(listed["models"][0]["uniqueid"], json!("old"), "{listed}");
    let before = server.export("old");
    let printed = bucket_command(&settings, &["migrate", &format!("s3://{bucket}")]);
    assert!(printed.contains("old/d"), "{printed}");
    assert!(!before.is_empty() && !server.export("old").is_empty());
    assert_eq!(server.get("/models").json()["models"][0]["generation"], json!(1));
    // A deletion also removes the Python server's model.
    assert_eq!(server.post("/deletemodel", &Form::new().field("uniqueid", "old")).status, 200);
    assert_eq!(server.get("/models").json()["models"], json!([]));
    assert_eq!(s3.client(&bucket).get("old/d").unwrap(), None);
}

#[test]
fn without_the_object_store_requests_are_refused_for_a_while_and_nothing_is_lost() {
    let Some(s3) =
        ObjectServer::own("without_the_object_store_requests_are_refused_for_a_while_and_nothing_is_lost")
    else {
        return;
    };
    let bucket = s3.bucket();
    let settings = bucket_settings(&s3.url(), &bucket);
    let server = Launch::on_bucket(&settings).start();
    server.train("m", &separable(60, false));
    s3.kill();
    let form = || Form::model("m", "d").file("dataset", &separable(40, true));
    let stopped = Instant::now();
    let mut refusals = 0;
    while stopped.elapsed() < OUTAGE || refusals == 0 {
        let refused = server.post("/training", &form());
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
        assert!(!refused.text().contains("s3://") && !refused.text().contains(&bucket), "{}", refused.text());
        refusals += 1;
    }
    assert_eq!(server.send(&Request::new("GET", "/health/ready")).status, 503);
    s3.start_again();
    until("the server is ready again", || server.send(&Request::new("GET", "/health/ready")).status == 200);
    let trained = server.post("/training", &form());
    assert_eq!(trained.status, 200, "{}", trained.text());
    assert_eq!(server.get("/models").json()["models"][0]["samples"], json!(100));
}

#[test]
fn a_bucket_that_cannot_be_used_is_refused_at_the_start() {
    let Some(s3) = ObjectServer::shared("a_bucket_that_cannot_be_used_is_refused_at_the_start") else {
        return;
    };
    let nowhere = bucket_settings(&format!("http://127.0.0.1:{}", free_port()), "models");
    let unreachable = Launch::on_bucket(&nowhere).fail();
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.stderr.contains(BUCKET), "{}", unreachable.stderr);
    let settings = bucket_settings(&s3.url(), &s3.bucket());
    let wrong_key = Launch::on_bucket(&settings).env("AWS_SECRET_ACCESS_KEY", "wrong").fail();
    assert_eq!(wrong_key.code, Some(1));
    assert!(
        wrong_key.stderr.contains(BUCKET) && !wrong_key.stderr.contains("testkey"),
        "{}",
        wrong_key.stderr
    );
}

/// As Moodle decides it. After white space, the status 200 is sent before the result, which may be a failure or missing.
fn is_trained(reply: &Reply) -> bool {
    let result: Option<Value> = serde_json::from_str(reply.text().trim()).ok();
    reply.status == 200 && result.is_some_and(|result| result["status"] == json!(0))
}

/// The model has then learnt from each sample exactly once.
#[test]
fn killed_servers_lost_answers_and_repeated_requests_lose_and_double_no_sample() {
    let test = "killed_servers_lost_answers_and_repeated_requests_lose_and_double_no_sample";
    let Some(s3) = ObjectServer::shared(test) else { return };
    for round in rounds(1, 100) {
        train_while_servers_are_killed(test, s3, round);
    }
}

/// Three servers behind nginx, and a faulty network between them and the bucket.
fn train_while_servers_are_killed(test: &str, s3: &ObjectServer, round: u64) {
    const BATCHES: usize = 64;
    const SERVERS: usize = 3;
    const KILLS: usize = 15;
    let network = FaultyProxy::before(s3.port());
    let mut settings = bucket_settings(&network.url(), &s3.bucket());
    settings.push(("MOODLE_MLBACKEND_ADMINS", "a".to_owned()));
    let Some(mut replicas) = Replicas::start(test, SERVERS, &settings) else { return };
    network.randomly(round, 60);
    let address = replicas.address();
    let (next, acknowledged, repeated) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let mut dice = Dice::new(round);
    let sizes: Vec<usize> = (0..BATCHES).map(|_| 20 + dice.below(41)).collect();
    let mut kills = 0;
    thread::scope(|scope| {
        for _ in 0..BATCHES / 4 {
            scope.spawn(|| {
                while let Some((number, &samples)) = Some(next.fetch_add(1, Ordering::SeqCst))
                    .and_then(|number| Some((number, sizes.get(number)?)))
                {
                    let form = Form::model("m", "d").file("dataset", &labelled(&batch(number, samples)));
                    let request = Request::new("POST", "/training").credentials("a", "b").form(&form).bytes();
                    while !try_exchange(address, &request).is_some_and(|reply| is_trained(&reply)) {
                        repeated.fetch_add(1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(50));
                    }
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while acknowledged.load(Ordering::SeqCst) < BATCHES {
            thread::sleep(Duration::from_millis(500 + dice.below(1000) as u64));
            // On a slow machine, more of them would leave no time for a training.
            if kills < KILLS {
                let killed = dice.below(SERVERS);
                replicas.kill(killed);
                replicas.start_again(killed);
                kills += 1;
            }
        }
    });
    network.set(Fault::None);
    let samples: usize = sizes.iter().sum();
    for index in 0..SERVERS {
        let model = replicas.replica(index).get("/models/m/d").json();
        assert_eq!(model["model"]["samples"], json!(samples), "round {round}: {model}");
    }
    let kept = replicas.replica(0).get("/models/m/d/samples");
    assert_eq!(kept.status, 200, "{}", kept.text());
    let text = kept.text();
    let rows: Vec<&str> = text.lines().skip(3).collect();
    let distinct: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!((rows.len(), distinct.len()), (samples, samples), "round {round}");
    // The model is that of one training on all of them.
    let all: Vec<String> = (0..).zip(&sizes).flat_map(|(number, &samples)| batch(number, samples)).collect();
    replicas.replica(1).train("whole", &labelled(&all));
    let rows = unlabelled(&["1-0,1.001,3,-1", "2-0,2.017,40,-0.2", "3-0,4,63,0.5", "4-0,-7,200,-0.6"]);
    let predicted = replicas.replica(2).predictions("m", &rows);
    assert_eq!(predicted, replicas.replica(0).predictions("whole", &rows), "round {round}");
    let faults = network.passed().iter().filter(|passed| passed.fault != Fault::None).count();
    assert!(faults > 0, "the network had no fault");
    println!(
        "round {round}: {samples} samples, {faults} faults, {} requests repeated",
        repeated.load(Ordering::SeqCst)
    );
}
