//! `moodle-mlbackend migrate`: converts models of the Python server without changing a prediction.

use std::fs;
use std::path::Path;
use std::thread;

use rstest::rstest;
use serde_json::{Value, json};

use super::python_server_in_place::of_tensorflow1;
use crate::common::{
    DATA, Form, Launch, Network, Output, Table, TestServer, fired_failpoint, inject_fault, inject_fault_at,
    run_on, start_and_prune, until, write_files,
};

fn migrate(data: &Path, flags: &[&str]) -> Output {
    run_on(data, "migrate", flags)
}

fn has_old_files(model_dir: &Path) -> bool {
    ["classifier.pkl", "model.ckpt"].iter().all(|name| model_dir.join("classifier").join(name).exists())
}

fn is_converted(model_dir: &Path) -> bool {
    model_dir.join("classifier/current.json").exists()
}

fn network() -> Network {
    Network::of_a_line(1.0, 0.5, 2.0)
}

/// A dataset of `samples` rows for [`network`].
pub(super) fn table(samples: usize) -> Table {
    let mut table = Table::of_two_classes(&["\\a", "\\b", "\\c", "\\d"]);
    for row in 0..samples {
        let value = 2.0 * row as f32 / samples as f32 - 1.0;
        table.push(&[0.0, value, 1.0, -value / 3.0], u8::from(value > 0.1));
    }
    table
}

fn predict(server: &TestServer) -> Value {
    let form = Form::model("m", "d").file("dataset", &table(40).unlabelled());
    let reply = server.post("/prediction", &form).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    reply
}

#[test]
fn models_are_listed_converted_and_cleaned_up_beside_a_running_server() {
    let server = TestServer::start();
    let (data, model_dir) = (server.data_dir(), server.data_dir().join("m/d"));
    network().write(&model_dir);
    let before = predict(&server);

    let printed = migrate(&data, &["--dry-run", "--remove-old"]).expect_code(0);
    assert!(
        printed.contains("m/d")
            && printed.contains("1 can be converted, then the old files would be removed"),
        "{printed}"
    );
    assert!(has_old_files(&model_dir) && !is_converted(&model_dir), "a dry run changes nothing");

    let printed = migrate(&data, &[]).expect_code(0);
    assert!(printed.contains("1 converted, old files kept"), "{printed}");
    assert!(has_old_files(&model_dir) && is_converted(&model_dir));
    assert_eq!(predict(&server), before);

    let printed = migrate(&data, &[]).expect_code(0);
    assert!(printed.contains("1 converted before,"), "{printed}");

    let printed = migrate(&data, &["--remove-old"]).expect_code(0);
    assert!(printed.contains("1 converted, old files removed"), "{printed}");
    let left: Vec<_> = fs::read_dir(model_dir.join("classifier")).expect("a directory").flatten().collect();
    assert_eq!(left.len(), 2, "current.json and one generation: {left:?}");
    assert_eq!(predict(&server), before);

    let printed = migrate(&data, &["--remove-old"]).expect_code(0);
    assert!(printed.contains("0 models of the Python server"), "{printed}");
}

#[test]
fn a_damaged_model_is_refused_with_its_reason_and_the_others_are_converted() {
    let data = tempfile::tempdir().expect("a directory");
    let (good, bad) = (data.path().join("good/d"), data.path().join("bad/d"));
    network().write(&good);
    let mut files = network().files();
    files.get_mut(DATA).expect("weights")[3] ^= 1;
    write_files(&files, &bad);
    let printed = migrate(data.path(), &["--remove-old"]).expect_code(1);
    assert!(printed.contains("checksum") && printed.contains("1 refused"), "{printed}");
    assert!(is_converted(&good) && !has_old_files(&good));
    assert!(has_old_files(&bad) && !is_converted(&bad));
}

#[rstest]
#[case(&["--dry-run"])]
#[case(&[])]
#[case(&["--remove-old"])]
fn a_model_of_a_tensorflow_1_release_is_refused_and_kept(#[case] flags: &[&str]) {
    let data = tempfile::tempdir().expect("a directory");
    let model_dir = data.path().join("old/d");
    write_files(&of_tensorflow1(), &model_dir);
    let printed = migrate(data.path(), flags).expect_code(1);
    assert!(printed.contains("TensorFlow 1 (2.0 to 2.6.0)") && printed.contains("1 refused"), "{printed}");
    assert!(model_dir.join("classifier/model.ckpt.index").exists() && !is_converted(&model_dir));
}

#[test]
fn a_model_that_was_trained_further_is_not_converted_again() {
    let server = TestServer::start();
    let model_dir = server.data_dir().join("m/d");
    Network::of_a_line(-1.0, -0.5, 2.0).write(&model_dir);
    let form = Form::model("m", "d").file("dataset", &table(40).labelled());
    assert_eq!(server.post("/training", &form).json()["status"], json!(0));
    let before = predict(&server);
    migrate(&server.data_dir(), &["--remove-old"]).expect_code(0);
    assert!(!model_dir.join("classifier/classifier.pkl").exists());
    assert_eq!(predict(&server), before);
}

#[test]
fn old_files_of_another_model_than_the_imported_one_are_kept() {
    let server = TestServer::start();
    let (exported, model_dir) = (server.data_dir().join("n/d"), server.data_dir().join("m/d"));
    network().write(&model_dir);
    Network::of_a_line(0.2, 1.5, 3.0).write(&exported);
    let archive = server.get("/export?uniqueid=n&dirhash=d").body;
    server.post("/import", &Form::model("m", "d").file("importzip", &archive)).expect(200, "Ok");
    let printed = migrate(&server.data_dir(), &["--remove-old"]).expect_code(1);
    assert!(printed.contains("not the one in them"), "{printed}");
    assert!(has_old_files(&model_dir) && !has_old_files(&exported));
}

#[test]
fn an_interrupted_removal_is_finished_by_the_next_run() {
    let data = tempfile::tempdir().expect("a directory");
    let model_dir = data.path().join("m/d");
    network().write(&model_dir);
    migrate(data.path(), &[]).expect_code(0);
    fs::remove_file(model_dir.join("classifier/classifier.pkl")).expect("the first step of a removal");
    migrate(data.path(), &["--remove-old"]).expect_code(0);
    assert!(!model_dir.join("classifier/model.ckpt").exists() && is_converted(&model_dir));
}

#[test]
fn the_error_for_a_missing_directory_names_it() {
    let printed = migrate(Path::new("nowhere-at-all"), &[]).expect_code(1);
    assert!(printed.contains("nowhere-at-all") && printed.contains("does not exist"), "{printed}");
}

#[test]
fn a_prediction_during_the_end_of_a_migration_is_the_same_as_before() {
    let server = start_and_prune(Launch::new().with_faults());
    let data = server.data_dir();
    network().write(&data.join("m/d"));
    let before = predict(&server);
    inject_fault(&server, "hold look for a model of the Python server");
    thread::scope(|scope| {
        let prediction = scope.spawn(|| predict(&server));
        until("no converted model was found", || fired_failpoint(&server.orders()).is_some());
        migrate(&data, &["--remove-old"]).expect_code(0);
        assert!(!has_old_files(&data.join("m/d")));
        inject_fault_at(&server.orders().with_extension("go"), "");
        assert_eq!(prediction.join().expect("a prediction"), before);
    });
}
