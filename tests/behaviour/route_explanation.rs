//! `POST /explanation`.

use serde_json::{Value, json};

use crate::common::{Form, TestServer, labelled, separable, trail, unlabelled};

const SAMPLES: [&str; 3] = ["1-0,1,-1,-1", "2-0,1,-1,0", "3-0,-1,1,"];

fn form() -> Form {
    Form::model("m", "d").file("dataset", &unlabelled(&SAMPLES))
}

#[track_caller]
fn explanation(server: &TestServer, form: &Form) -> Value {
    let reply = server.post("/explanation", form);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The largest difference between an output and its base value, contributions and others.
fn largest_gap(explanation: &Value) -> f64 {
    let mut gap = 0.0_f64;
    for sample in explanation["explanations"].as_array().expect("samples") {
        for (at, output) in sample["outputs"].as_array().expect("outputs").iter().enumerate() {
            let listed = output["contributions"].as_array().expect("contributions");
            let sum: f64 = listed.iter().map(|one| number(&one["contribution"])).sum();
            let sum = sum + number(&explanation["outputs"][at]["base"]) + number(&output["others"]);
            gap = gap.max((sum - number(&output["value"])).abs());
        }
    }
    gap
}

#[test]
fn contributions_of_each_sample_add_up_to_the_log_odds_of_its_prediction() {
    let server = TestServer::start();
    server.train("m", &separable(60, false));
    let found = explanation(&server, &form());
    assert_eq!(
        (&found["status"], &found["method"], &found["scale"]),
        (&json!(0), &json!("exact"), &json!("log-odds"))
    );
    assert_eq!(found["background"], json!({"samples": 60, "origin": "kept"}));
    assert!(largest_gap(&found) < 1e-9, "{found}");
    let predictions = server.predictions("m", &unlabelled(&SAMPLES));
    for (sample, prediction) in found["explanations"]
        .as_array()
        .expect("samples")
        .iter()
        .zip(predictions.as_array().expect("predictions"))
    {
        assert_eq!((&sample["sampleid"], &sample["prediction"]), (&prediction[0], &prediction[1]));
        let probability: f64 = prediction[2].as_str().expect("text").parse().expect("a number");
        assert!((number(&sample["probability"]) - probability).abs() < 1e-6, "{sample} {prediction}");
        let log_odds = number(&sample["outputs"][0]["value"]);
        let of_prediction = (probability / (1.0 - probability)).ln();
        let expected = if prediction[1] == "1" { of_prediction } else { -of_prediction };
        assert!((log_odds - expected).abs() < 1e-3, "{sample} {prediction}");
    }
    assert_eq!(explanation(&server, &form()), found, "the same request has the same reply");
}

#[test]
fn the_largest_contributions_come_first_and_the_rest_is_summed_up() {
    let server = TestServer::start();
    server.train("m", &separable(60, false));
    let all = explanation(&server, &form());
    let some = explanation(&server, &form().field("top", "1"));
    assert!(largest_gap(&some) < 1e-9, "{some}");
    for (all, some) in all["explanations"]
        .as_array()
        .expect("samples")
        .iter()
        .zip(some["explanations"].as_array().expect("samples"))
    {
        let (all, some) = (&all["outputs"][0]["contributions"], &some["outputs"][0]["contributions"]);
        assert_eq!((some.as_array().map(Vec::len), &some[0]), (Some(1), &all[0]));
        let sizes: Vec<f64> =
            all.as_array().expect("a list").iter().map(|one| number(&one["contribution"]).abs()).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    }
    for top in ["0", "-1", "many", ""] {
        let reply = server.post("/explanation", &form().field("top", top));
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains("top is"), "{}", reply.text());
    }
}

#[test]
fn a_background_is_sent_along_with_or_without_targets() {
    let server = TestServer::start();
    server.train("m", &separable(60, false));
    let of = |background: &[u8]| explanation(&server, &form().file("background", background));
    let sent = of(&unlabelled(&["7-0,1,-1,0.5", "8-0,1,1,-0.5"]));
    assert_eq!(sent["background"], json!({"samples": 2, "origin": "sent"}));
    assert!(largest_gap(&sent) < 1e-9, "{sent}");
    assert_eq!(of(&labelled(&["1,-1,0.5,0", "1,1,-0.5,1"])), sent);
    let empty = server.post("/explanation", &form().file("background", &unlabelled::<&str>(&[])));
    empty.expect_error(409, &empty.sentence());
    let wrong = server.post("/explanation", &form().file("background", b"nothing"));
    assert!(
        wrong.status == 400 && wrong.text().starts_with("The background cannot be used: "),
        "{}",
        wrong.text()
    );
}

#[test]
fn without_a_model_or_samples_there_is_a_conflict_with_its_remedy() {
    let server = TestServer::start();
    let untrained = server.post("/explanation", &form());
    assert!(untrained.status == 409 && untrained.text().contains("no trained model"), "{}", untrained.text());
    server.train("other", &separable(60, false));
    assert_eq!(server.import("m", &server.export("other")).status, 200);
    let fresh = server.post("/explanation", &form());
    assert!(fresh.status == 409 && fresh.text().contains("imported"), "{}", fresh.text());
    assert!(fresh.text().contains("part background"), "{}", fresh.text());
    let explained = explanation(&server, &form().file("background", &separable(60, false)));
    assert_eq!(
        explained["method"], "exact",
        "an export of this backend is explained as the model that it is of"
    );
}

#[test]
fn explanations_are_recorded_in_the_audit_trail() {
    let server = TestServer::start();
    server.post("/explanation", &form());
    server.train("m", &separable(60, false));
    explanation(&server, &form());
    let lines = trail(&server.data_dir());
    let of_explanations: Vec<(Value, Value)> = lines
        .iter()
        .filter(|line| line["operation"] == "explanation")
        .map(|line| (line["event"].clone(), line["result"].clone()))
        .collect();
    assert_eq!(of_explanations, [(json!("done"), json!("no-result")), (json!("done"), json!("ok"))]);
}
