//! `POST /training`.

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{
    Form, Launch, Reply, TestServer, labelled, labelled_with_classes, shared, unlabelled, unzipped,
};

const TOO_FEW: &str = "Training data needs to include samples belonging to all classes";

fn train(server: &TestServer, dataset: &[u8]) -> Reply {
    server.post("/training", &Form::model("m", "d").file("dataset", dataset))
}

fn predict(server: &TestServer, dataset: &[u8]) -> Vec<(String, String, f64)> {
    let predictions = server.predictions("m", dataset);
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let prediction = |row: &Value| (text(&row[0]), text(&row[1]), text(&row[2]).parse().expect("a number"));
    predictions.as_array().expect("predictions").iter().map(prediction).collect()
}

const SEPARABLE: [&str; 8] = [
    "1,-1,-1,1",
    "1,-1,-0.9,1",
    "1,-1,-1,1",
    "1,-1,-0.8,1",
    "1,-1,-0.2,0",
    "1,-1,-0.1,0",
    "1,-1,-0.2,0",
    "1,-1,0,0",
];

#[test]
fn a_successful_training_is_status_0_as_an_integer() {
    let server = TestServer::start();
    let reply = train(&server, &labelled(&SEPARABLE));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["status"], json!(0));
    assert!(reply.json()["info"].is_array() && !reply.text().ends_with('\n'));
    assert!(server.uploads().is_empty());
}

#[rstest]
#[case(&[])]
#[case(&["1,-1,-1,1"])]
#[case(&["1,-1,-1,1", "1,-1,-0.2,1"])]
fn a_class_without_a_sample_is_status_8_and_nothing_is_stored(#[case] rows: &[&str]) {
    let server = TestServer::start();
    let reply = train(&server, &labelled(rows));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["status"], json!(8));
    assert_eq!(reply.json()["errors"], json!(TOO_FEW));
    assert_eq!(server.predict("m", &unlabelled(&["1-0,1,1,1"]))["status"], json!(2));
}

#[test]
fn a_refused_training_keeps_the_model() {
    let server = TestServer::start();
    server.train("m", &labelled(&SEPARABLE));
    let before = predict(&server, &unlabelled(&["1-0,1,-1,-1"]));
    assert_eq!(train(&server, &labelled_with_classes("[0,1,2]", &["1,-1,-1,1"])).status / 100, 2);
    assert_eq!(predict(&server, &unlabelled(&["1-0,1,-1,-1"])), before);
}

#[test]
fn two_identical_rows_of_different_classes_train() {
    let server = TestServer::start();
    server.train("m", &labelled(&["1,-1,1,1", "1,-1,1,0"]));
    let prediction = &predict(&server, &unlabelled(&["1-0,1,-1,1"]))[0];
    assert!(prediction.1 == "0" || prediction.1 == "1");
    assert!((prediction.2 - 0.5).abs() < 0.2, "{prediction:?}");
}

#[test]
fn columns_that_do_not_vary_give_the_majority_class_with_its_share() {
    let server = TestServer::start();
    server.train("m", &labelled(&["1,1,1,1", "1,1,1,1", "1,1,1,1", "1,1,1,0"]));
    let prediction = &predict(&server, &unlabelled(&["1-0,1,1,1"]))[0];
    assert_eq!(prediction.1, "1");
    assert!((prediction.2 - 0.75).abs() < 0.15, "{prediction:?}");
}

#[test]
fn a_later_batch_adds_to_the_earlier_samples() {
    let server = TestServer::start();
    server.train("m", &labelled(&SEPARABLE));
    server.train("m", &labelled(&["1,-1,-1,1", "1,-1,-0.2,0"]));
    let predictions = predict(&server, &unlabelled(&["1-0,1,-1,-1", "2-0,1,-1,-0.2"]));
    assert_eq!((predictions[0].1.as_str(), predictions[1].1.as_str()), ("1", "0"));
}

#[rstest]
#[case::text("1,-1,maybe,1")]
#[case::a_ragged_row("1,-1,1")]
#[case::infinity("1,-1,inf,1")]
#[case::not_a_number("1,NaN,1,1")]
fn a_malformed_dataset_is_a_bad_request_with_line_and_reason(#[case] row: &str) {
    let server = TestServer::start();
    let reply = train(&server, &labelled(&["1,-1,-1,1", row, "1,-1,-1,0"]));
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("line 5"), "{}", reply.text());
    let directory = server.data_dir().parent().expect("a directory").display().to_string();
    assert!(
        !reply.text().contains(&directory) && !reply.text().contains("/proc"),
        "a path: {}",
        reply.text()
    );
}

#[rstest]
#[case::nothing(b"")]
#[case::empty_lines(b"\n\n\n")]
#[case::binary(b"\0\xff\xfe")]
#[case::a_zip(b"PK\x03\x04")]
#[case::a_web_page(b"<html></html>")]
fn a_file_that_is_not_a_dataset_is_a_bad_request(#[case] content: &[u8]) {
    let reply = train(&TestServer::start(), content);
    assert_eq!(reply.status, 400, "{}", reply.text());
}

#[rstest]
#[case("moodletest-degenerate-1-sample", 8)]
#[case("moodletest-degenerate-2-samples-same-class", 8)]
#[case("moodletest-degenerate-2-samples-2-classes", 0)]
#[case("moodletest-degenerate-4-samples-2-classes", 0)]
#[case("moodletest-quarters-80x7-training", 0)]
#[case("students-at-risk-quarters-training", 0)]
fn trains_or_refuses_moodles_own_datasets_as_it_expects(#[case] name: &str, #[case] status: u8) {
    let Some(dataset) = shared(name, &format!("moodle/{name}.csv")) else { return };
    let reply = train(&TestServer::start(), &dataset);
    assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(status)), "{}", reply.text());
}

#[test]
fn moodles_incremental_training_keeps_both_predictions() {
    let test = "moodles_incremental_training_keeps_both_predictions";
    let read = |name: &str| shared(test, &format!("moodle/moodletest-no_splitting-{name}.csv"));
    let (Some(first), Some(more), Some(samples)) =
        (read("20x3-training"), read("2x3-incremental-training"), read("2x3-prediction"))
    else {
        return;
    };
    let server = TestServer::start();
    for batch in [first, more] {
        server.train("m", &batch);
        let predictions = predict(&server, &samples);
        let class = |id: &str| predictions.iter().find(|row| row.0 == id).map(|row| row.1.clone());
        assert_eq!((class("183021-0").as_deref(), class("183020-0").as_deref()), (Some("0"), Some("1")));
        assert!(
            predictions.iter().all(|row| row.2 >= 0.6),
            "Moodle drops less certain predictions: {predictions:?}"
        );
    }
}

#[test]
fn distinguishes_the_three_classes_of_moodles_test() {
    let test = "distinguishes_the_three_classes_of_moodles_test";
    let read = |name: &str| shared(test, &format!("moodle/moodletest-multiclass-{name}.csv"));
    let (Some(dataset), Some(samples)) = (read("15x2-training"), read("3x2-prediction")) else { return };
    let server = TestServer::start();
    server.train("m", &dataset);
    let mut classes: Vec<_> = predict(&server, &samples).into_iter().map(|row| row.1).collect();
    classes.sort();
    assert_eq!(classes, ["0", "1", "2"]);
}

#[test]
fn a_training_beyond_its_time_limit_gives_a_model_that_says_so() {
    let server = Launch::new().env("MOODLE_MLBACKEND_TRAINING_SECONDS", "0").start();
    let rows: Vec<String> =
        (0..600).map(|row| format!("{},{},{},{}", row % 7, row % 11, row % 13, row % 2)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(train(&server, &labelled(&rows)).json()["status"], json!(0));
    let export = unzipped(&server.export("m"));
    let (_, card) = export.iter().find(|(name, _)| name.ends_with("model-card.md")).expect("a model card");
    let card = String::from_utf8_lossy(card);
    assert!(card.contains("The time limit ended the training early"), "{card}");
}
