//! `moodle-mlbackend migrate`: a Python server's models become ours, and nothing is lost on the way.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::json;

use super::python_server_in_place::of_tensorflow1;
use crate::common::{
    DATA, Form, Launch, Network, Table, TestServer, fired_failpoint, inject_fault, inject_fault_at,
    start_and_prune, until, untouched, write_files,
};

/// The exit code, and what was printed.
fn migrate(directory: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    command.arg("migrate").arg(directory).args(flags);
    let done = untouched(&mut command).output().expect("it runs");
    let printed = String::from_utf8(done.stdout).expect("text");
    (done.status.code(), printed + &String::from_utf8_lossy(&done.stderr))
}

fn old_files(home: &Path) -> bool {
    home.join("classifier/classifier.pkl").exists() && home.join("classifier/model.ckpt").exists()
}

fn ours(home: &Path) -> bool {
    home.join("classifier/current.json").exists()
}

fn network() -> Network {
    Network::of_a_line(1.0, 0.5, 2.0)
}

fn table() -> Table {
    let mut table = Table::of_two_classes(&["\\a", "\\b", "\\c", "\\d"]);
    for at in 0..40 {
        let value = at as f32 / 20.0 - 1.0;
        table.push(&[0.0, value, 1.0, -value / 3.0], u8::from(value > 0.1));
    }
    table
}

fn answers(server: &TestServer) -> serde_json::Value {
    let form = Form::model("m", "d").file("dataset", &table().unlabelled());
    let reply = server.post("/prediction", &form).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    reply
}

#[test]
fn models_are_shown_converted_and_cleaned_up_beside_a_running_server() {
    let server = TestServer::start();
    let (data, home) = (server.data_dir(), server.data_dir().join("m/d"));
    network().write(&home);
    let before = answers(&server);

    let (code, told) = migrate(&data, &["--dry-run", "--remove-old"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("m/d") && told.contains("1 can be converted, then the old files would go"),
        "{told}"
    );
    assert!(old_files(&home) && !ours(&home), "nothing was done");

    let (code, told) = migrate(&data, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1 converted, the old files are still there"), "{told}");
    assert!(old_files(&home) && ours(&home));
    assert_eq!(answers(&server), before);

    let (code, told) = migrate(&data, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1 converted before,"), "{told}");

    let (code, told) = migrate(&data, &["--remove-old"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1 converted, the old files are gone"), "{told}");
    let left: Vec<_> = fs::read_dir(home.join("classifier")).expect("a directory").flatten().collect();
    assert_eq!(left.len(), 2, "the pointer and one generation: {left:?}");
    assert_eq!(answers(&server), before);

    let (code, told) = migrate(&data, &["--remove-old"]);
    assert_eq!((code, told.contains("0 models of the Python server")), (Some(0), true), "{told}");
}

#[test]
fn a_damaged_model_is_refused_with_its_reason_and_the_others_are_converted() {
    let data = tempfile::tempdir().expect("a directory");
    network().write(&data.path().join("good/d"));
    let mut files = network().files();
    files.get_mut(DATA).expect("weights")[3] ^= 1;
    write_files(&files, &data.path().join("bad/d"));
    let (code, told) = migrate(data.path(), &["--remove-old"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("checksum") && told.contains("1 refused"), "{told}");
    assert!(ours(&data.path().join("good/d")) && !old_files(&data.path().join("good/d")));
    assert!(old_files(&data.path().join("bad/d")) && !ours(&data.path().join("bad/d")));
}

#[test]
fn a_model_that_a_tensorflow_1_release_stored_is_refused_and_stays() {
    let data = tempfile::tempdir().expect("a directory");
    let home = data.path().join("old/d");
    write_files(&of_tensorflow1(), &home);
    for flags in [&["--dry-run"][..], &[], &["--remove-old"]] {
        let (code, told) = migrate(data.path(), flags);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("TensorFlow 1 (2.0 to 2.6.0)") && told.contains("1 refused"), "{told}");
    }
    assert!(home.join("classifier/model.ckpt.index").exists() && !ours(&home));
}

#[test]
fn a_model_that_was_trained_further_keeps_what_it_learnt() {
    let server = TestServer::start();
    let home = server.data_dir().join("m/d");
    Network::of_a_line(-1.0, -0.5, 2.0).write(&home);
    let form = Form::model("m", "d").file("dataset", &table().labelled());
    assert_eq!(server.post("/training", &form).json()["status"], json!(0));
    let before = answers(&server);
    let (code, told) = migrate(&server.data_dir(), &["--remove-old"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(!home.join("classifier/classifier.pkl").exists());
    assert_eq!(answers(&server), before);
}

#[test]
fn old_files_whose_model_was_replaced_by_an_import_stay() {
    let server = TestServer::start();
    let (there, home) = (server.data_dir().join("n/d"), server.data_dir().join("m/d"));
    network().write(&home);
    Network::of_a_line(0.2, 1.5, 3.0).write(&there);
    let export = server.get("/export?uniqueid=n&dirhash=d").body;
    server.post("/import", &Form::model("m", "d").file("importzip", &export)).expect(200, "Ok");
    let (code, told) = migrate(&server.data_dir(), &["--remove-old"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("not the one in them"), "{told}");
    assert!(old_files(&home) && !old_files(&there));
}

#[test]
fn a_removal_that_was_interrupted_is_finished() {
    let data = tempfile::tempdir().expect("a directory");
    let home = data.path().join("m/d");
    network().write(&home);
    assert_eq!(migrate(data.path(), &[]).0, Some(0));
    fs::remove_file(home.join("classifier/classifier.pkl")).expect("as the first step does");
    assert_eq!(migrate(data.path(), &["--remove-old"]).0, Some(0));
    assert!(!home.join("classifier/model.ckpt").exists() && ours(&home));
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let (code, told) = migrate(Path::new("nowhere-at-all"), &[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("nowhere-at-all") && told.contains("does not exist"), "{told}");
}

#[test]
fn a_prediction_that_meets_the_end_of_a_migration_is_answered_as_before() {
    let server = start_and_prune(Launch::new().with_faults());
    let data = server.data_dir();
    network().write(&data.join("m/d"));
    let before = answers(&server);
    inject_fault(&server, "hold look for a model of the Python server");
    thread::scope(|scope| {
        let asked = scope.spawn(|| answers(&server));
        until("no model of ours was found", || fired_failpoint(&server.orders()).is_some());
        let (code, told) = migrate(&data, &["--remove-old"]);
        assert_eq!(code, Some(0), "{told}");
        assert!(!old_files(&data.join("m/d")));
        inject_fault_at(&server.orders().with_extension("go"), "");
        assert_eq!(asked.join().expect("an answer"), before);
    });
}
