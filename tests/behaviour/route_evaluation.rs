//! `POST /evaluation` and `GET /evaluationlog`.

use std::collections::HashSet;

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Form, Launch, Reply, TestServer, labelled, labelled_with_classes, shared, unzipped};

fn form(dataset: &[u8]) -> Form {
    Form::new()
        .field("uniqueid", "m")
        .field("minscore", "0.7")
        .field("maxdeviation", "0.05")
        .field("niterations", "4")
        .field("dirhash", "e")
        .file("dataset", dataset)
}

fn evaluated(server: &TestServer, dataset: &[u8]) -> Reply {
    let reply = server.post("/evaluation", &form(dataset));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// 40 samples whose last feature determines the class.
fn separable() -> Vec<u8> {
    let row = |number: i32| if number % 2 == 0 { "1,-1,-1,1" } else { "1,-1,-0.2,0" };
    labelled(&(0..40).map(row).collect::<Vec<_>>())
}

/// 40 samples whose features do not depend on the class.
fn unlearnable() -> Vec<u8> {
    let rows: Vec<String> = (0..40).map(|n| format!("1,{},{},{}", n / 2 % 2, n / 4 % 2, n % 2)).collect();
    labelled(&rows)
}

/// The keys of a JSON object in the order in which they were sent.
fn keys(text: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(text).expect("JSON");
    let mut keys: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
    keys.sort_by_key(|key| text.find(&format!("\"{key}\"")));
    keys
}

#[test]
fn separable_samples_score_1_and_the_keys_are_in_moodles_order() {
    let server = TestServer::start();
    let reply = evaluated(&server, &separable());
    let order = "auc;auc_deviation;balanced accuracy;accuracy;precision;recall;f1_score;score_deviation;score;min_score;\
                 accepted_deviation;dir;status;info;runid";
    assert_eq!(keys(reply.text()).join(";"), order);
    let reply = reply.json();
    assert_eq!((&reply["status"], &reply["score"], &reply["auc"]), (&json!(0), &json!(1.0), &json!(1.0)));
    assert_eq!((&reply["min_score"], &reply["accepted_deviation"]), (&json!(0.7), &json!(0.05)));
    assert!(reply["runid"].as_u64().is_some_and(|run| run > 1_600_000_000_000), "{reply}");
    let data = server.data_dir();
    assert!(!reply["dir"].as_str().expect("text").contains(data.to_str().expect("text")), "{reply}");
}

#[test]
fn the_info_of_a_good_evaluation_is_the_result_in_three_sentences() {
    let server = TestServer::start();
    let reply = evaluated(&server, &separable()).json();
    let expected = [
        "Good enough to use: a model trained on this data scored 1.000, and the minimum is 0.7.",
        "Its AUC is 1.000 (0.5 is guessing, 1 is perfect); of 100 samples that it flags as class \"1\", about 100 are \
         flagged rightly, and of 100 samples picked by chance 50 would be.",
        "The report with all figures and charts (report.html, a page for your browser) is in the directory that \
         Moodle names below.",
    ];
    assert_eq!((&reply["status"], &reply["info"]), (&json!(0), &json!(expected)));

    server.train("m", &separable());
    let reply = server.post("/evaluation", &form(&separable()).field("trainedmodeldirhash", "d")).json();
    let verdict = reply["info"][0].as_str().expect("a sentence");
    assert!(verdict.starts_with("Good enough to use: the trained model scored"), "{verdict}");
}

#[test]
fn the_info_of_a_good_evaluation_is_empty_when_the_server_is_set_to_bare() {
    let server = Launch::new().env("MOODLE_MLBACKEND_EVALUATION_INFO", "bare").start();
    let reply = evaluated(&server, &separable()).json();
    assert_eq!((&reply["status"], &reply["info"]), (&json!(0), &json!([])));
}

/// Moodle puts the sentences into its page as HTML.
#[test]
fn hostile_names_in_a_dataset_never_reach_the_info() {
    let server = TestServer::start();
    let hostile = "<img src=x onerror=alert(1)>&amp;";
    let dataset = String::from_utf8(separable()).expect("text");
    let dataset =
        dataset.replace(r"\target", hostile).replace(r"\quarters", hostile).replace(r"\ind_max", hostile);
    assert!(dataset.matches(hostile).count() >= 3, "{dataset}");
    let reply = evaluated(&server, dataset.as_bytes()).json();
    assert_eq!(reply["info"].as_array().map(Vec::len), Some(3), "{reply}");
    assert!(
        !reply["info"].to_string().contains(['<', '>', '&']) && !reply.to_string().contains("onerror"),
        "{reply}"
    );
}

#[test]
fn three_classes_have_no_auc() {
    let server = TestServer::start();
    let row = |number: usize| ["1,-1,-1,0", "1,-1,0,1", "1,-1,1,2"][number % 3];
    let dataset = labelled_with_classes("[0,1,2]", &(0..60).map(row).collect::<Vec<_>>());
    let reply = evaluated(&server, &dataset).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    assert!(reply.get("auc").is_none() && reply.get("auc_deviation").is_none());
}

#[test]
fn unlearnable_samples_set_bit_4_and_moodles_sentence() {
    let server = TestServer::start();
    let reply = evaluated(&server, &unlearnable()).json();
    let status = reply["status"].as_u64().expect("an integer");
    assert_eq!(status & 4, 4, "{reply}");
    let sentence = format!(
        "The evaluated model prediction accuracy is not very good. Model score = {}, minimum score = 0.7",
        reply["score"]
    );
    let info = reply["info"].as_array().expect("sentences");
    assert_eq!(info.last(), Some(&json!(sentence)), "{reply}");
    if status & 8 == 8 {
        let first = info[0].as_str().expect("text");
        assert!(first.starts_with("The evaluation results varied too much"), "{first}");
    }
}

#[test]
fn labels_outside_targetclasses_are_status_1_and_the_run_exists() {
    let server = TestServer::start();
    let reply = evaluated(&server, &labelled(&["1,-1,-1,1", "1,-1,0,5", "1,-1,1,0"])).json();
    assert_eq!(reply["status"], json!(1));
    let sentence = "The labels from the provided dataset do not match the targetclasses from the header";
    assert_eq!(reply["info"], json!([sentence]));
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={}", reply["runid"]));
    assert!(log.status == 200 && log.body.len() > 22, "{}", log.body.len());
}

#[test]
fn an_evaluation_ends_at_its_time_limit_and_reports_it() {
    let server = Launch::new()
        .env("MOODLE_MLBACKEND_EVALUATION_SECONDS", "0")
        .env("MOODLE_MLBACKEND_EVALUATION_INFO", "bare")
        .start();
    let evaluate = |iterations: &str| {
        let form = Form::new().field("niterations", iterations).field("uniqueid", "m").field("minscore", "0");
        let form = form.field("maxdeviation", "1").field("dirhash", "e").file("dataset", &unlearnable());
        server.post("/evaluation", &form).json()
    };
    let cut = evaluate("10");
    let sentence = "The time for this evaluation was up after 3 of its 10 iterations. The result is the mean of those 3.";
    assert_eq!((&cut["status"], &cut["info"]), (&json!(0), &json!([sentence])), "{cut}");
    // The iterations that are always done are the same as without a time limit.
    let whole = evaluate("3");
    assert_eq!((&whole["score"], &whole["info"]), (&cut["score"], &json!([])), "{whole}");

    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={}", cut["runid"]));
    let text = String::from_utf8_lossy(&unzipped(&log.body)["info.log"]).into_owned();
    assert!(text.contains("10 iterations were requested"), "{text}");
    let log = server.log();
    assert!(log.contains("evaluation started") && log.contains("evaluation: iterations done"), "{log}");
}

#[test]
fn too_few_samples_to_split_are_status_8_with_a_reason() {
    let server = TestServer::start();
    let reply = evaluated(&server, &labelled(&["1,-1,-1,1", "1,-1,0,0"])).json();
    assert_eq!(reply["status"].as_u64().map(|status| status & 8), Some(8), "{reply}");
    assert!(!reply["info"].as_array().expect("sentences").is_empty());
}

#[test]
fn run_ids_are_unique() {
    let server = TestServer::start();
    let runs: HashSet<u64> =
        (0..3).map(|_| evaluated(&server, &separable()).json()["runid"].as_u64().expect("an id")).collect();
    assert_eq!(runs.len(), 3);
}

#[test]
fn the_log_of_a_run_is_a_zip_with_the_report_charts_and_tensorboard_files() {
    let server = TestServer::start();
    let run = evaluated(&server, &separable()).json()["runid"].clone();
    let reply = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/zip")));
    let names: Vec<String> = unzipped(&reply.body).into_keys().collect();
    for expected in ["info.log", "report.html", "roc-curve.png", "calibration.png", "tensor/"] {
        assert!(names.iter().any(|name| name.starts_with(expected)), "{expected}: {names:?}");
    }
}

#[rstest]
#[case("uniqueid=unknown&dirhash=e&runid=1")]
#[case("uniqueid=m&dirhash=nothing&runid=1")]
#[case("uniqueid=m&dirhash=e&runid=1")]
#[case("uniqueid=m&dirhash=e&runid=")]
#[case("uniqueid=m&dirhash=e&runid=abc")]
#[case("uniqueid=m&dirhash=e&runid=..%2F..")]
#[case("uniqueid=m&dirhash=e&runid=99999999999999999999999999")]
fn an_unknown_run_is_an_empty_zip_of_exactly_22_bytes(#[case] query: &str) {
    let server = TestServer::start();
    let reply = server.get(&format!("/evaluationlog?{query}"));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/zip")));
    assert_eq!(reply.body, [b"PK\x05\x06".as_slice(), &[0; 18]].concat());
}

#[test]
fn an_evaluation_does_not_touch_the_trained_model() {
    let server = TestServer::start();
    let train = Form::model("m", "e").file("dataset", &separable());
    assert_eq!(server.post("/training", &train).json()["status"], json!(0));
    let before = server.get("/export?uniqueid=m&dirhash=e").body;
    evaluated(&server, &unlearnable());
    assert!(before.starts_with(b"PK") && server.get("/export?uniqueid=m&dirhash=e").body == before);
}

#[test]
fn a_trained_model_is_rated_on_the_whole_file() {
    let server = TestServer::start();
    server.train("m", &separable());
    // The hash of the trained model follows the file, as Moodle sends it.
    let reply = server.post("/evaluation", &form(&separable()).field("trainedmodeldirhash", "d")).json();
    assert_eq!((&reply["status"], &reply["score"]), (&json!(0), &json!(1.0)), "{reply}");
    let reply = server.post("/evaluation", &form(&separable()).field("trainedmodeldirhash", "other")).json();
    assert_eq!(reply["status"], json!(2), "{reply}");
    let reply = server.post("/evaluation", &form(&separable()).field("trainedmodeldirhash", "..."));
    assert!(
        reply.status == 400 && reply.text().starts_with("trainedmodeldirhash is empty"),
        "{}",
        reply.text()
    );
}

#[rstest]
#[case("moodletest-bad-single_range-100x4-evaluation", 4)]
#[case("moodletest-bad-quarters-400x8-evaluation", 4)]
#[case("moodletest-good-single_range-100x3-evaluation", 0)]
#[case("moodletest-good-quarters-400x7-evaluation", 0)]
fn evaluates_the_datasets_of_moodles_tests_as_they_expect(#[case] name: &str, #[case] bit: u64) {
    let Some(dataset) = shared(name, &format!("moodle/{name}.csv")) else { return };
    let server = TestServer::start();
    let reply = evaluated(&server, &dataset).json();
    let status = reply["status"].as_u64().expect("an integer");
    if bit == 0 {
        assert_eq!((status, &reply["score"]), (0, &json!(1.0)), "{reply}");
    } else {
        assert_eq!(status & bit, bit, "{reply}");
    }
}
