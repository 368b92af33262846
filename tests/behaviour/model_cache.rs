//! Models stay in memory between predictions, and never answer for a model that is no longer the current one.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Form, Launch, TestServer, program, separable, unlabelled};

/// Class 1 of [`separable`] samples, class 0 of inverted ones.
const ROW: &str = "1-0,1,1,-0.2";

fn class(reply: &Value) -> &str {
    reply["predictions"][0][1].as_str().unwrap_or_else(|| panic!("no prediction: {reply}"))
}

fn predict(server: &TestServer, id: &str) -> Value {
    let reply = server.post("/prediction", &Form::model(id, "d").file("dataset", &unlabelled(&[ROW])));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Trains through Moodle's local mode, in a process of its own.
fn train_in_local_mode(directory: &Path, dataset: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    #[allow(clippy::disallowed_methods, reason = "a temporary file of the test")]
    fs::write(file.path(), dataset).expect("written");
    let [directory, file] = [directory, file.path()].map(|path| path.to_str().expect("UTF-8"));
    let status = program(&["-m", "moodlemlbackend.training", "m", directory, file]).status();
    assert!(status.expect("it runs").success());
}

fn trained(server: &TestServer, inverted: bool) {
    server.train("m", &separable(40, inverted));
}

#[test]
fn a_prediction_after_a_deletion_and_another_training_uses_the_new_model() {
    let server = TestServer::start();
    trained(&server, false);
    let first = predict(&server, "m");
    assert_eq!(predict(&server, "m"), first);
    assert_eq!(server.post("/deletemodel", &Form::model("m", "d")).status, 200);
    assert_eq!(predict(&server, "m")["status"], json!(2));
    // The new model has the number of the deleted one.
    trained(&server, true);
    assert_ne!(class(&predict(&server, "m")), class(&first));
}

#[test]
fn a_prediction_after_an_import_uses_the_imported_model() {
    let (server, other) = (TestServer::start(), TestServer::start());
    trained(&server, false);
    trained(&other, true);
    let first = predict(&server, "m");
    assert_eq!(server.import("m", &other.export("m")).status, 200);
    assert_eq!(predict(&server, "m"), predict(&other, "m"));
    assert_ne!(class(&predict(&server, "m")), class(&first));
}

#[test]
fn a_prediction_after_another_process_has_replaced_the_model_uses_the_new_one() {
    let server = TestServer::start();
    let directory = server.data_dir().join("m/d");
    train_in_local_mode(&directory, &separable(40, false));
    let first = predict(&server, "m");
    // A further batch makes generation 2, which contradicts the first one and is larger.
    train_in_local_mode(&directory, &separable(400, true));
    assert_ne!(class(&predict(&server, "m")), class(&first));
    fs::remove_dir_all(&directory).expect("removed");
    assert_eq!(predict(&server, "m")["status"], json!(2));
    // Generation 1 again, of other samples.
    train_in_local_mode(&directory, &separable(44, true));
    assert_ne!(class(&predict(&server, "m")), class(&first));
}

#[test]
fn a_model_that_is_damaged_after_it_was_loaded_is_noticed_at_the_next_prediction() {
    let server = TestServer::start();
    trained(&server, false);
    assert_eq!(predict(&server, "m")["status"], json!(0));
    let file = server.data_dir().join("m/d/classifier/1/model.onnx");
    let mut bytes = fs::read(&file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    #[allow(clippy::disallowed_methods, reason = "the damage")]
    fs::write(&file, bytes).expect("written");
    let reply = server.post("/prediction", &Form::model("m", "d").file("dataset", &unlabelled(&[ROW])));
    assert_eq!(reply.status, 500, "{}", reply.text());
}

#[test]
fn more_models_than_the_cache_holds_and_no_cache_give_the_same_predictions() {
    let dir = {
        let server = TestServer::start();
        for id in ["m", "n", "o"] {
            server.train(id, &separable(40, id == "n"));
        }
        server.terminate().1
    };
    let predictions = |server: &TestServer| -> Vec<Value> {
        ["m", "n", "o", "m", "n", "o", "m", "m"].iter().map(|id| predict(server, id)).collect()
    };
    let mut dir = dir;
    let mut all = Vec::new();
    // None, less than one model, one of them, all of them.
    for bytes in ["0", "1", "400KiB", "64MiB"] {
        let server = Launch::again(dir).env("MOODLE_MLBACKEND_MODEL_CACHE", bytes).start();
        all.push(predictions(&server));
        dir = server.terminate().1;
    }
    assert_ne!(class(&all[0][0]), class(&all[0][1]));
    assert!(all.iter().all(|one| one == &all[0]), "{all:?}");
}
