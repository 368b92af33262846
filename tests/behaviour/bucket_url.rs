//! The URL of a bucket: a prefix in it, commands that take it, and URLs that are refused.

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{
    Form, Launch, ObjectServer, Output, Request, bucket_command, bucket_settings, bucket_url_settings,
    cookie, program, separable, sign_in, unlabelled,
};

const BUCKET_URL: &str = "MOODLE_MLBACKEND_BUCKET_URL";

#[test]
fn everything_that_a_server_stores_is_below_the_prefix_of_its_url() {
    let Some(s3) = ObjectServer::shared("everything_that_a_server_stores_is_below_the_prefix_of_its_url")
    else {
        return;
    };
    let bucket = s3.bucket();
    let client = s3.client(&bucket);
    // A whole key, a beginning of the prefix, and a name that begins like it.
    let beside = ["beside/d", "some/other", "some/prefix2/m"];
    for key in beside {
        client.put(key, b"of another program".to_vec()).unwrap();
    }
    let url = format!("s3://{bucket}/some/prefix");
    let settings = bucket_url_settings(&s3.url(), &url);
    let server = Launch::on_bucket(&settings).start();
    server.train("m", &separable(60, false));
    let rows = unlabelled(&["1-0,1,1,-1", "2-0,1,1,-0.2"]);
    let predicted = server.predictions("m", &rows);
    let form = Form::model("m", "d").evaluation(2).file("dataset", &separable(200, false));
    let evaluated = server.post("/evaluation", &form);
    assert_eq!(evaluated.status, 200, "{}", evaluated.text());
    let run = evaluated.json()["runid"].to_string();
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={}", run.trim_matches('"')));
    assert_eq!((log.status, log.header("content-type")), (200, Some("application/zip")));
    assert_eq!(server.import("imported", &server.export("m")).status, 200);
    let session = cookie(&sign_in(&server, "a", "b")).unwrap();
    assert_eq!(server.send(&Request::new("GET", "/dashboard").header("Cookie", &session)).status, 200);
    assert_eq!(ids(&server.get("/models").json()), ["imported", "m"]);

    for (arguments, expected) in [
        (vec!["check", &url], "0 problems"),
        (vec!["inspect", &url], "a bucket: 2 models"),
        (vec!["prune", &url, "--dry-run"], ""),
        (vec!["migrate", &url], ""),
        (vec!["audit", "--json", &url], "\"operation\":\"evaluation\""),
        (vec!["inspect", &format!("{url}/none")], "a bucket: 0 models"),
    ] {
        let printed = bucket_command(&settings, &arguments);
        assert!(printed.contains(expected), "{arguments:?}: {printed}");
        assert!(!printed.contains("beside") && !printed.contains("prefix2"), "{arguments:?}: {printed}");
    }

    let keys = client.keys().unwrap();
    let (below, others): (Vec<&str>, Vec<&str>) =
        keys.iter().map(String::as_str).partition(|key| key.starts_with("some/prefix/"));
    assert_eq!(others, beside);
    for part in ["m/.mlbackend/0/d/current.json", ".mlbackend/audit/", ".mlbackend/dashboard/sessions.json"] {
        assert!(below.iter().any(|key| key.contains(part)), "{part} is not in {below:?}");
    }

    let again = Launch::on_bucket(&settings).start();
    assert_eq!(again.predictions("m", &rows), predicted);
    for id in ["m", "imported"] {
        assert_eq!(again.post("/deletemodel", &Form::new().field("uniqueid", id)).status, 200);
    }
    assert_eq!(ids(&server.get("/models").json()), [""; 0]);
    let keys = client.keys().unwrap();
    assert!(!keys.iter().any(|key| key.ends_with("model.onnx")), "{keys:?}");
    assert!(beside.iter().all(|key| keys.iter().any(|kept| kept == key)), "{keys:?}");
    assert_eq!(server.data_dir().read_dir().unwrap().count(), 0, "nothing is on the disk");
}

fn ids(listed: &Value) -> Vec<&str> {
    listed["models"].as_array().unwrap().iter().map(|model| model["uniqueid"].as_str().unwrap()).collect()
}

#[test]
fn two_prefixes_of_a_bucket_do_not_see_each_other() {
    let Some(s3) = ObjectServer::shared("two_prefixes_of_a_bucket_do_not_see_each_other") else { return };
    let bucket = s3.bucket();
    let [one, other] = ["site", "site2"].map(|site| {
        let url = format!("s3://{bucket}/{site}");
        Launch::on_bucket(&bucket_url_settings(&s3.url(), &url)).start()
    });
    one.train("m", &separable(60, false));
    let rows = unlabelled(&["1-0,1,1,-1", "2-0,1,1,-0.2"]);
    let predicted = one.predictions("m", &rows);
    assert_eq!(other.predict("m", &rows)["status"], json!(2), "it has no model yet");
    assert_eq!(other.get("/models").json()["models"], json!([]));
    other.train("m", &separable(600, true));
    assert_ne!(other.predictions("m", &rows), predicted);
    assert_eq!(one.predictions("m", &rows), predicted);
    assert_eq!(other.post("/deletemodel", &Form::new().field("uniqueid", "m")).status, 200);
    assert_eq!(one.predictions("m", &rows), predicted);
}

#[test]
fn the_url_may_name_the_bucket_of_the_other_setting() {
    let Some(s3) = ObjectServer::shared("the_url_may_name_the_bucket_of_the_other_setting") else { return };
    let bucket = s3.bucket();
    let settings = bucket_settings(&s3.url(), &bucket);
    let server = Launch::on_bucket(&settings).arg("--bucket-url").arg(&format!("s3://{bucket}/")).start();
    server.train("m", &separable(60, false));
    assert!(bucket_command(&settings, &["inspect", &format!("s3://{bucket}")]).contains("a bucket: 1 model"));

    let url = format!("s3://{bucket}/site1");
    let two = Launch::on_bucket(&settings).env(BUCKET_URL, &url).fail();
    assert_eq!(two.code, Some(1));
    let expected = format!(
        "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME names s3://{bucket}, but {BUCKET_URL} names {url}: remove one of them"
    );
    assert!(two.stderr.contains(&expected), "{}", two.stderr);
}

#[rstest]
#[case("file:///var/lib/moodle-mlbackend", "expected the URL of a bucket: s3://BUCKET, gs://BUCKET")]
#[case("memory:///", "expected the URL of a bucket: s3://BUCKET, gs://BUCKET")]
#[case("https://objects.example.org/topsecret", "expected the URL of a bucket: s3://BUCKET, gs://BUCKET")]
#[case("models", "expected the URL of a bucket: s3://BUCKET, gs://BUCKET")]
#[case("s3://key:topsecret@models", "put keys into the variables AWS_*, GOOGLE_* or AZURE_*")]
#[case("az://models?sig=topsecret", "put keys into the variables AWS_*, GOOGLE_* or AZURE_*")]
#[case("s3://127.0.0.1:9000/models", "set AWS_ENDPOINT_URL")]
fn a_url_that_is_refused_is_not_shown(#[case] url: &str, #[case] expected: &str) {
    let refusals = [
        Launch::on_bucket(&[(BUCKET_URL, url.to_owned())]).fail(),
        Launch::on_bucket(&[]).arg("--bucket-url").arg(url).fail(),
    ];
    for refusal in &refusals {
        assert_eq!(refusal.code, Some(1), "{}", refusal.stderr);
        assert!(refusal.stderr.contains(BUCKET_URL), "{}", refusal.stderr);
    }
    let shown = Output::of(program(&["config", "--json"]).env(BUCKET_URL, url)).expect_code(1);
    let mut texts = refusals.map(|refusal| refusal.stderr).to_vec();
    texts.push(shown);
    if url.contains("://") {
        let command = Output::of(&mut program(&["check", url]));
        assert_ne!(command.code, Some(0));
        texts.push(command.stderr);
    }
    for text in texts {
        assert!(text.contains(expected) && text.contains("s3://moodle-models/site1"), "{text}");
        assert!(!text.contains("topsecret"), "{text}");
    }
}

#[test]
fn a_store_without_credentials_is_refused_by_the_setting_that_names_it() {
    for (url, expected) in [("az://models/site1", "Account must be specified"), ("gs://models", "/nowhere")] {
        let settings =
            [(BUCKET_URL, url.to_owned()), ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere".to_owned())];
        let refused = Launch::on_bucket(&settings).fail();
        assert_eq!(refused.code, Some(1));
        let named = format!("the bucket that {BUCKET_URL} names cannot be used");
        assert!(refused.stderr.contains(&named) && refused.stderr.contains(url), "{}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}
