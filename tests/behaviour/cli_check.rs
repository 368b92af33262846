//! `moodle-mlbackend check`: damaged files are detected and repaired, and the server uses the previous generation.
#![allow(clippy::disallowed_methods, reason = "these tests damage files on purpose")]

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{
    DATA, Form, Launch, Network, Output, Reply, TestServer, contents, labelled, run_on, unlabelled,
    write_files,
};

fn check(data: &Path, flags: &[&str]) -> Output {
    run_on(data, "check", flags)
}

fn dataset(batch: u8) -> Vec<u8> {
    let row = |n: u8| format!("1,{},{},{}", n % 7, f64::from(n % 5) - 2.0, (n + batch) % 2);
    let rows: Vec<String> = (0..30).map(row).collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn train(server: &TestServer, batch: u8) {
    let reply = server.post("/training", &Form::model("m", "d").file("dataset", &dataset(batch)));
    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
}

fn predict(server: &TestServer) -> Reply {
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1", "2-0,1,2,0.5"]));
    server.post("/prediction", &form)
}

/// A server with a model of two generations, and the predictions of each.
fn two_generations() -> (TestServer, [Value; 2]) {
    let server = TestServer::start();
    train(&server, 0);
    let first = predict(&server).json();
    train(&server, 1);
    let second = predict(&server).json();
    assert_ne!(first, second);
    (server, [first, second])
}

fn classifier(server: &TestServer) -> PathBuf {
    server.data_dir().join("m/d/classifier")
}

fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 3]).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

type Damage = fn(&Path);

#[rstest]
fn any_damage_is_reported_and_repaired_while_the_model_keeps_predicting(
    #[values("2/model.onnx", "2/samples.bin", "2/generation.json", "current.json")] file: &str,
    #[values(flip_a_bit as Damage, truncate, remove)] damage: Damage,
) {
    let (server, predictions) = two_generations();
    let data = server.data_dir();
    check(&data, &[]).expect_code(0);
    damage(&classifier(&server).join(file));

    let prediction = predict(&server).json();
    assert!(predictions.contains(&prediction), "{prediction}");

    let printed = check(&data, &[]).expect_code(1);
    assert!(printed.contains(&format!("m/d/classifier/{file}")), "{printed}");
    assert_eq!(predict(&server).json(), prediction, "a check changes nothing");

    let before = contents(&data.join("m"));
    let printed = check(&data, &["--repair"]).expect_code(0);
    assert!(printed.contains("done: "), "{printed}");
    let after = contents(&data.join("m"));
    let lost = before.values().filter(|bytes| !after.values().any(|kept| kept == *bytes)).count();
    assert!(lost <= 1, "only current.json or generation.json is written again");
    check(&data, &[]).expect_code(0);
    assert!(predictions.contains(&predict(&server).json()));
    train(&server, 0);
    assert_eq!(predict(&server).json()["status"], json!(0));
    check(&data, &[]).expect_code(0);
}

#[rstest]
fn the_previous_generation_predicts_when_the_current_one_is_damaged(
    #[values(flip_a_bit as Damage, truncate, remove)] damage: Damage,
) {
    let (server, [first, _]) = two_generations();
    damage(&classifier(&server).join("2/model.onnx"));
    assert_eq!(predict(&server).json(), first);
    assert!(server.log().contains("damaged"), "{}", server.log());
}

#[rstest]
fn a_damaged_model_without_a_previous_generation_can_be_deleted_and_trained_again(
    #[values(flip_a_bit as Damage, truncate, remove)] damage: Damage,
) {
    let server = TestServer::start();
    train(&server, 0);
    damage(&classifier(&server).join("1/model.onnx"));
    let reply = predict(&server);
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("damaged on the server's disk"), "{}", reply.text());
    assert!(reply.text().contains("Clear predictions"), "{}", reply.text());
    let printed = check(&server.data_dir(), &["--repair"]).expect_code(1);
    assert!(printed.contains("m/d/classifier/1/model.onnx") && printed.contains("backup"), "{printed}");
    assert!(classifier(&server).join("1").is_dir(), "the only copy is kept");
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    train(&server, 0);
    assert_eq!(predict(&server).json()["status"], json!(0));
}

#[test]
fn a_repair_keeps_a_damaged_generation_aside_until_the_model_is_deleted() {
    let (server, _) = two_generations();
    flip_a_bit(&classifier(&server).join("2/samples.bin"));
    let damaged = fs::read(classifier(&server).join("2/samples.bin")).unwrap();
    check(&server.data_dir(), &["--repair"]).expect_code(0);
    assert!(!classifier(&server).join("2").exists());
    assert!(contents(&server.data_dir().join("m")).values().any(|bytes| *bytes == damaged));
    let printed = check(&server.data_dir(), &[]).expect_code(0);
    assert!(printed.contains("set aside by an earlier repair"), "{printed}");
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert!(!server.data_dir().join("m").exists());
}

#[test]
fn unknown_files_are_reported_and_kept() {
    let (server, _) = two_generations();
    let data = server.data_dir();
    let paths = [
        "notes.txt",
        "m/notes.txt",
        "m/d/notes.txt",
        "m/d/classifier/notes.txt",
        "m/d/classifier/2/notes.txt",
    ];
    for path in paths {
        fs::write(data.join(path), "notes").unwrap();
    }
    let printed = check(&data, &["--repair"]).expect_code(0);
    for path in paths {
        assert!(printed.contains(path) && data.join(path).exists(), "{path}: {printed}");
    }
}

#[test]
fn leftovers_of_a_crash_are_reported_and_removed() {
    let (server, [_, second]) = two_generations();
    let data = server.data_dir();
    fs::create_dir_all(data.join(".mlbackend/sessions/1-1/0")).unwrap();
    fs::create_dir(classifier(&server).join("3")).unwrap();
    let printed = check(&data, &[]).expect_code(1);
    assert!(printed.contains(".mlbackend/sessions/1-1") && printed.contains("m/d/classifier/3"), "{printed}");
    check(&data, &["--repair"]).expect_code(0);
    assert!(!data.join(".mlbackend/sessions/1-1").exists() && !classifier(&server).join("3").exists());
    assert_eq!(predict(&server).json(), second);
}

#[test]
fn a_check_creates_no_file() {
    let (server, _) = two_generations();
    let dir = server.kill();
    let data = dir.path().join("data");
    let sessions = data.join(".mlbackend/sessions");
    fs::remove_dir_all(&sessions).unwrap();
    check(&data, &[]).expect_code(0);
    assert!(!sessions.exists());
    drop(Launch::again(dir).start());
}

#[test]
fn a_damaged_model_of_the_python_server_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Network::of_a_line(1.0, 0.5, 2.0).files();
    write_files(&files, &dir.path().join("good/d"));
    files.get_mut(DATA).unwrap()[3] ^= 1;
    write_files(&files, &dir.path().join("bad/d"));
    let printed = check(dir.path(), &["--repair"]).expect_code(1);
    assert!(printed.contains("bad/d/classifier") && !printed.contains("good/d"), "{printed}");
    assert!(dir.path().join("bad/d/classifier/classifier.pkl").exists());
}
