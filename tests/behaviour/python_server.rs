//! Imports of models that the Python server exported: they give the same predictions.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::process::Command;

use rstest::rstest;
use serde_json::json;

use crate::common::{Form, Network, Table, TestServer, legacy_zip, shared, untouched, unzipped};

/// Sample id, class, probability of that class.
type Predictions = Vec<(String, String, f64)>;

fn predicted(reply: &serde_json::Value) -> Predictions {
    let rows = reply["predictions"].as_array().unwrap_or_else(|| panic!("{reply}"));
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    rows.iter().map(|row| (text(&row[0]), text(&row[1]), text(&row[2]).parse().expect("a number"))).collect()
}

fn predict(server: &TestServer, id: &str, samples: &[u8]) -> Predictions {
    let reply = server.post("/prediction", &Form::model(id, "d").file("dataset", samples)).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    predicted(&reply)
}

/// The same samples, the same classes, probabilities within 1e-4.
#[track_caller]
fn assert_agree(ours: &Predictions, theirs: &Predictions) {
    assert!(!ours.is_empty() && ours.len() == theirs.len(), "{} and {}", ours.len(), theirs.len());
    for (our, their) in ours.iter().zip(theirs) {
        assert_eq!((&our.0, &our.1), (&their.0, &their.1));
        assert!((our.2 - their.2).abs() < 1e-4, "{our:?} {their:?}");
    }
}

#[rstest]
#[case("binary-3-features")]
#[case("constant-only")]
#[case("multiclass-2-features")]
#[case("students-at-risk")]
fn imports_an_export_of_the_python_server_with_its_predictions(#[case] model: &str) {
    let read = |ending: &str| shared(model, &format!("legacy/{model}.{ending}"));
    let Some(export) = read("export.zip") else { return };
    let (Some(samples), Some(answers)) = (read("predict.csv"), read("predictions.json")) else { return };
    let theirs = predicted(&serde_json::from_slice(&answers).expect("recorded JSON"));

    let (here, there) = (TestServer::start(), TestServer::start());
    here.post("/import", &Form::model("m", "d").file("importzip", &export)).expect(200, "Ok");
    let ours = predict(&here, "m", &samples);
    assert_agree(&ours, &theirs);
    // Export it to another server, as a model of this backend.
    let again = here.get("/export?uniqueid=m&dirhash=d");
    assert_eq!(again.status, 200);
    there.post("/import", &Form::model("n", "d").file("importzip", &again.body)).expect(200, "Ok");
    assert_eq!(predict(&there, "n", &samples), ours);
}

/// softmax(tanh(x·W1 + b1)·W2 + b2), computed from the weights in the export.
#[test]
fn imports_an_export_of_the_tensorflow_1_releases_with_its_weights() {
    let test = "an_export_of_the_tensorflow_1_releases";
    let Some(export) = shared(test, "legacy/tensorflow1-2.5.0.export.zip") else { return };
    let Some(samples) = shared(test, "legacy/binary-3-features.predict.csv") else { return };
    let (_, json) = unzipped(&export).pop_first().expect("a file");
    let weights: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let part = |name: &str| weights[format!("initialise-vars/{name}")].clone();
    let layer = |values: &[f64], kernel: &str, bias: &str| -> Vec<f64> {
        let kernel: Vec<Vec<f64>> = serde_json::from_value(part(kernel)).expect("a matrix");
        let bias: Vec<f64> = serde_json::from_value(part(bias)).expect("numbers");
        let sum =
            |unit: usize| bias[unit] + values.iter().zip(&kernel).map(|(x, row)| x * row[unit]).sum::<f64>();
        (0..bias.len()).map(sum).collect()
    };

    let server = TestServer::start();
    server.post("/import", &Form::model("m", "d").file("importzip", &export)).expect(200, "Ok");
    let answers = predict(&server, "m", &samples);
    let rows = std::str::from_utf8(&samples).expect("text").lines().filter(|line| line.contains("-0,"));
    let rows: Vec<Vec<f64>> = rows
        .map(|row| row.split(',').skip(1).map(|cell| cell.parse().expect("a number")).collect())
        .collect();
    assert_eq!(answers.len(), rows.len());
    for ((_, class, probability), row) in answers.iter().zip(&rows) {
        let hidden: Vec<f64> =
            layer(row, "input-to-hidden-weights", "hidden-bias").into_iter().map(f64::tanh).collect();
        let sums = layer(&hidden, "hidden-to-output-weights", "output-bias");
        let one = 1.0 / (1.0 + (sums[0] - sums[1]).exp());
        assert_eq!(*class, u8::from(one > 0.5).to_string());
        assert!((probability - one.max(1.0 - one)).abs() < 1e-5, "{probability} {one}");
    }
}

/// Moodle unpacks an export and runs `moodlemlbackend.import` on the directory.
#[test]
fn imports_an_export_of_the_python_server_in_moodles_local_mode() {
    let directory = tempfile::tempdir().expect("a directory");
    let network = Network::of_a_line(1.0, 0.5, 2.0);
    // Like Moodle's directory of unpacked files, without a classifier/ around them.
    network.write(directory.path());
    let run = |module: &str, arguments: [&std::path::Path; 2]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
        command.args(["-m", &format!("moodlemlbackend.{module}"), "id"]).args(arguments);
        let done = untouched(&mut command).output().expect("it runs");
        let output = String::from_utf8(done.stdout).expect("text");
        assert!(done.status.success(), "{output} {}", String::from_utf8_lossy(&done.stderr));
        output
    };
    let (unpacked, home) = (directory.path().join("classifier"), directory.path().join("home"));
    assert_eq!(run("import", [&home, &unpacked]), "Ok\nOk\n");
    let dataset = directory.path().join("samples.csv");
    let mut table = Table::of_two_classes(&["\\a", "\\b", "\\c", "\\d"]);
    table.push(&[0.0, 0.8, 0.0, f32::NAN], 1);
    #[expect(clippy::disallowed_methods, reason = "only this test uses the directory")]
    fs::write(&dataset, table.unlabelled()).expect("a file");
    let answer: serde_json::Value =
        serde_json::from_str(&run("prediction", [&home, &dataset])).expect("JSON");
    let (_, class, probability) = predicted(&answer).remove(0);
    let expected = network.answer(&[0.0, 0.8, 0.0, f32::NAN])[1];
    assert!(class == "1" && (probability - expected).abs() < 1e-5, "{answer} {expected}");
}

/// The probability of class 1 that Keras gave each sample, and the samples.
pub(super) fn large(test: &str) -> Option<(HashMap<String, f64>, Vec<u8>)> {
    let answers = shared(test, "legacy/keras-422-features.probability-of-1.json")?;
    let packed = shared(test, "legacy/keras-422-features.predict.csv.gz")?;
    let mut samples = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut samples).expect("a gzip file");
    Some((serde_json::from_slice(&answers).expect("sample id → probability"), samples))
}

#[test]
fn predicts_as_keras_with_a_large_model() {
    let test = "predicts_as_keras_with_a_large_model";
    let Some((theirs, samples)) = large(test) else { return };
    let Some(export) = legacy_zip(test, "keras-422-features") else { return };
    let server = TestServer::start();
    server.post("/import", &Form::model("m", "d").file("importzip", &export)).expect(200, "Ok");
    let ours = predict(&server, "m", &samples);
    assert_eq!(ours.len(), theirs.len());
    for (id, class, probability) in ours {
        let one = theirs[&id];
        assert_eq!(class, u8::from(one > 0.5).to_string(), "{id}");
        assert!((probability - one.max(1.0 - one)).abs() < 1e-4, "{id}: {probability}, {one}");
    }
}
