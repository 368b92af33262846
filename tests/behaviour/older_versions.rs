//! Data directories that an older version of this program wrote.

use std::fs;
use std::path::Path;

use moodle_mlbackend::cli::demo::students::Campus;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{Form, TestServer};

/// The facts of a generation that the first version wrote.
const FIRST_FACTS: [&str; 4] = ["samples", "classes", "class_counts", "log_loss"];

/// Rewrites a model directory in the format of the first version.
#[expect(clippy::disallowed_methods, reason = "no other process uses this directory")]
fn downgrade(model_dir: &Path) {
    let classifier = model_dir.join("classifier");
    let generation = classifier.join("1");
    let model = without_newer_facts(&fs::read(generation.join("model.onnx")).expect("a model"));
    for record in [classifier.join("current.json"), generation.join("generation.json")] {
        let mut json: Value = serde_json::from_slice(&fs::read(&record).expect("a record")).expect("JSON");
        json["facts"].as_object_mut().expect("facts").retain(|key, _| FIRST_FACTS.contains(&key.as_str()));
        json["files"]["model.onnx"] =
            json!({ "size": model.len(), "sha256": hex::encode(Sha256::digest(&model)) });
        json.as_object_mut().expect("an object").remove("seal");
        fs::write(record, json.to_string()).expect("written");
    }
    fs::write(generation.join("model.onnx"), model).expect("written");
}

/// Replaces newer facts by spaces, which are valid in JSON and keep the lengths in the file correct.
fn without_newer_facts(onnx: &[u8]) -> Vec<u8> {
    let mut old = onnx.to_vec();
    for (begin, end) in [(r#""named":"#, ','), (r#""open_ended":"#, ','), (r#","top_features":"#, ']')] {
        let at = old.windows(begin.len()).position(|window| window == begin.as_bytes()).expect("it is there");
        let length = old[at..].iter().position(|&byte| byte == end as u8).expect("it ends") + 1;
        old[at..at + length].fill(b' ');
    }
    old
}

fn status_0(server: &TestServer, path: &str, form: &Form) -> Value {
    let reply = server.post(path, form);
    assert_eq!((reply.status, reply.json()["status"].clone()), (200, json!(0)), "{path}: {}", reply.text());
    reply.json()
}

#[test]
fn predicts_trains_and_exports_from_a_data_directory_of_the_first_version() {
    let server = TestServer::start();
    let campus = Campus::new(5);
    let (first, more, unlabelled) =
        (campus.training_csv(0, 400), campus.training_csv(1, 200), campus.cohort(0, 50).csv);
    let file = |hash: &str, bytes: &str| Form::model("m", hash).file("dataset", bytes.as_bytes());
    status_0(&server, "/training", &file("d", &first));
    let before = status_0(&server, "/prediction", &file("d", &unlabelled));

    downgrade(&server.data_dir().join("m/d"));
    assert_eq!(status_0(&server, "/prediction", &file("d", &unlabelled)), before);

    let evaluation = Form::model("m", "e").field("minscore", "0.1").field("maxdeviation", "1");
    let evaluation = evaluation.field("niterations", "3").field("trainedmodeldirhash", "d");
    status_0(&server, "/evaluation", &evaluation.file("dataset", more.as_bytes()));
    let export = server.get("/export?uniqueid=m&dirhash=d");
    assert_eq!(export.status, 200);
    server.post("/import", &Form::model("n", "d").file("importzip", &export.body)).expect(200, "Ok");

    status_0(&server, "/training", &file("d", &more));
    let record = fs::read(server.data_dir().join("m/d/classifier/current.json")).expect("a record");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    assert_eq!(record["facts"]["samples"], json!(600), "trained on the old samples as well");
}
