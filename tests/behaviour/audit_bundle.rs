//! The file for an auditor: `GET /models/{uniqueid}/{dirhash}/audit-bundle` and `moodle-mlbackend audit-bundle`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cli_train::Files;
use crate::common::{Form, Launch, Output, TestServer, labelled, program, unlabelled, unzipped};

const PATH: &str = "/models/m/d/audit-bundle";
const SAMPLE_ID: &str = "77412905-3";

/// A batch whose first two features have values that nothing else has.
fn batch(samples: usize, seed: u64) -> (Vec<u8>, Vec<String>) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = state >> 33;
        // Seven digits, which are those of the stored number, too.
        format!("0.{:06}{}", number % 900_000 + 100_000, number % 9 + 1)
    };
    let values: Vec<String> = (0..2 * samples).map(|_| next()).collect();
    let row = |n: usize| {
        let class = usize::from(values[2 * n] > "0.55".to_owned()) ^ usize::from(n.is_multiple_of(9));
        format!("{},{},{},{class}", values[2 * n], values[2 * n + 1], n % 3)
    };
    (labelled(&(0..samples).map(row).collect::<Vec<_>>()), values)
}

/// A model of two trainings, with an evaluation and a prediction, the batches, and the values of their features.
fn trained() -> (TestServer, [Vec<u8>; 2], BTreeSet<String>) {
    let server = Launch::new().env("MOODLE_MLBACKEND_ADMINS", "a").start();
    let ((first, values), (second, more)) = (batch(120, 1), batch(90, 2));
    server.train("m", &first);
    server.train("m", &second);
    let evaluation = Form::model("m", "e").evaluation(3).file("dataset", &first);
    assert_eq!(
        server.post("/evaluation", &evaluation).json()["runid"].as_u64().map(|run| run > 0),
        Some(true)
    );
    server.predictions("m", &unlabelled(&[format!("{SAMPLE_ID},{},{},1", values[0], values[1])]));
    (server, [first, second], values.into_iter().chain(more).collect())
}

fn bundle(server: &TestServer) -> Vec<u8> {
    let reply = server.get(PATH);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/zip")),
        "{}",
        reply.body.len()
    );
    reply.body
}

fn json(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Value {
    serde_json::from_slice(&files[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).expect("text")
}

#[test]
fn has_the_card_the_report_the_history_and_the_trail_of_the_model() {
    let (server, batches, _) = trained();
    let files = unzipped(&bundle(&server));
    let expected = [
        "README.md",
        "SHA256SUMS",
        "audit-trail.jsonl",
        "bill-of-materials.cdx.json",
        "evaluations.json",
        "model-card.md",
        "model.json",
        "report/info.log",
        "report/report.html",
        "report/report.json",
        "training-history.json",
        "versions.json",
    ];
    assert_eq!(files.keys().collect::<Vec<_>>(), expected);

    let card = text(&files, "model-card.md");
    for part in
        ["## Intended use", "## Calibration", "## Human oversight", "Brier score", "weighted F1 score"]
    {
        assert!(card.contains(part), "{part}: {card}");
    }
    let history = json(&files, "training-history.json");
    let uploads: Vec<&Value> = history["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| &operation["upload"]["sha256"])
        .collect();
    assert_eq!(
        uploads,
        [&json!(hex::encode(Sha256::digest(&batches[0]))), &json!(hex::encode(Sha256::digest(&batches[1])))]
    );
    let sizes: Vec<&Value> =
        history["batches"].as_array().unwrap().iter().map(|batch| &batch["samples"]).collect();
    assert_eq!(sizes, [&json!(120), &json!(90)]);
    assert_eq!(
        history["generations"][0]["model"]["sha256"],
        json(&files, "versions.json")["model"]["sha256"]
    );
    assert_eq!(json(&files, "evaluations.json")["evaluations"][0]["dirhash"], "e");
    let trail = text(&files, "audit-trail.jsonl");
    for operation in ["training", "evaluation", "prediction"] {
        assert!(trail.contains(&format!("\"operation\":\"{operation}\"")), "{trail}");
    }
    assert!(json(&files, "bill-of-materials.cdx.json")["components"].as_array().unwrap().len() > 100);
}

#[test]
fn the_checksums_are_those_of_all_other_files() {
    let (server, ..) = trained();
    let files = unzipped(&bundle(&server));
    let mut listed = BTreeMap::new();
    for line in text(&files, "SHA256SUMS").lines() {
        let (sum, name) = line.split_once("  ").expect("two columns");
        listed.insert(name.to_owned(), sum.to_owned());
    }
    let others = files.iter().filter(|(name, _)| *name != "SHA256SUMS");
    let actual: BTreeMap<_, _> =
        others.map(|(name, bytes)| (name.clone(), hex::encode(Sha256::digest(bytes)))).collect();
    assert_eq!(listed, actual);
}

#[test]
fn no_sample_id_and_no_value_of_a_feature_is_in_it() {
    let (server, _, values) = trained();
    assert!(values.len() > 400, "the values are distinct: {}", values.len());
    // They are found where they are.
    let samples = server.get("/models/m/d/samples").text().to_owned();
    assert!(values.iter().all(|value| samples.contains(value.as_str())));
    for (name, bytes) in unzipped(&bundle(&server)) {
        let text = String::from_utf8(bytes).unwrap_or_else(|_| panic!("{name} is text"));
        assert!(!text.contains(SAMPLE_ID), "{name}");
        let found: Vec<&String> = values.iter().filter(|value| text.contains(value.as_str())).collect();
        assert!(found.is_empty(), "{name} has {found:?}");
    }
}

#[test]
fn the_same_store_gives_the_same_bytes_over_http_and_on_the_command_line() {
    let (server, ..) = trained();
    let (first, second) = (bundle(&server), bundle(&server));
    assert!(first == second, "the same bytes");
    let files = Files::new();
    let run = |model: &str, output: &str| {
        let mut command = program(&["audit-bundle", model, "--output", output, "--data-dir"]);
        Output::of(command.arg(server.data_dir()).current_dir(files.dir.path()))
    };
    run("m/d", "audit.zip").expect_code(0);
    assert!(files.read("audit.zip") == first, "the same bytes");
    let output = run("m/other", "other.zip");
    assert!(output.expect_code(1).contains("no trained model m/other"), "{output:?}");
    let shown =
        Output::of(program(&["audit", "--operation", "audit-bundle", "--json"]).arg(server.data_dir()));
    assert_eq!(shown.stdout.matches("\"event\":\"done\"").count(), 3, "{shown:?}");
}

#[test]
fn the_commands_of_the_guide_make_the_same_model_again() {
    let (server, ..) = trained();
    let files = unzipped(&bundle(&server));
    let guide = text(&files, "README.md");
    assert!(
        guide.contains("/models/m/d/samples") && guide.contains("train samples.csv --output model.onnx"),
        "{guide}"
    );
    let again = Files::of(&server.get("/models/m/d/samples").body, b"");
    let mut command = program(&["train", "training.csv", "--output", "again.onnx"]);
    Output::of(command.current_dir(again.dir.path())).expect_code(0);
    let sum = hex::encode(Sha256::digest(again.read("again.onnx")));
    assert!(guide.contains(&format!("    {sum}  model.onnx")), "{sum}: {guide}");
}

#[test]
fn an_imported_model_has_a_bundle_that_says_so() {
    let (server, ..) = trained();
    server.import("n", &server.export("m")).expect(200, "Ok");
    let files = unzipped(&server.get("/models/n/d/audit-bundle").body);
    assert!(text(&files, "README.md").contains("The model was trained elsewhere"));
    assert!(!files.contains_key("report/report.json"));
    assert_eq!(json(&files, "training-history.json")["operations"][0]["operation"], "import");
    let sentence = "No model is stored under this uniqueid and dirhash.";
    server.get("/models/x/d/audit-bundle").expect_error(404, sentence);
    server.get("/models/m/e/audit-bundle").expect_error(404, sentence);
}
