//! Files that were damaged on the disk: detected, reported, replaced by the previous generation, and repaired.
#![allow(clippy::disallowed_methods, reason = "these tests damage files on purpose")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Form, Launch, Network, TestServer, labelled, unlabelled, untouched, write_files};

/// The exit code, and what was printed.
fn check(data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    let done = untouched(command.arg("check").arg(data).args(flags)).output().unwrap();
    let told = String::from_utf8(done.stdout).unwrap() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code(), told)
}

fn rows(flip: u8) -> Vec<u8> {
    let row = |n: u8| format!("1,{},{},{}", n % 7, f64::from(n % 5) - 2.0, (n + flip) % 2);
    let rows: Vec<String> = (0..30).map(row).collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn train(server: &TestServer, flip: u8) {
    let reply = server.post("/training", &Form::model("m", "d").file("dataset", &rows(flip)));
    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
}

fn ask(server: &TestServer) -> crate::common::Reply {
    let form = Form::model("m", "d").file("dataset", &unlabelled(&["1-0,1,3,-1", "2-0,1,2,0.5"]));
    server.post("/prediction", &form)
}

/// A server with two generations, and what each answers.
fn two_generations() -> (TestServer, [Value; 2]) {
    let server = TestServer::start();
    train(&server, 0);
    let first = ask(&server).json();
    train(&server, 1);
    let second = ask(&server).json();
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

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 3]).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

type Damage = fn(&Path);

#[rstest]
fn any_damage_is_found_told_of_answered_for_and_mended(
    #[values("2/model.onnx", "2/samples.bin", "2/generation.json", "current.json")] file: &str,
    #[values(flip_a_bit as Damage, cut, remove)] damage: Damage,
) {
    let (server, answers) = two_generations();
    let data = server.data_dir();
    assert_eq!(check(&data, &[]).0, Some(0));
    damage(&classifier(&server).join(file));

    let answer = ask(&server).json();
    assert!(answers.contains(&answer), "{answer}");

    let (code, told) = check(&data, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("m/d/classifier/{file}")), "{told}");
    assert_eq!(ask(&server).json(), answer, "looking changes nothing");

    let before: Vec<Vec<u8>> = contents(&data);
    let (code, told) = check(&data, &["--repair"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("done: "), "{told}");
    let after = contents(&data);
    let lost = before.iter().filter(|bytes| !after.contains(bytes)).count();
    assert!(lost <= 1, "only a pointer or a record is written anew");
    assert_eq!(check(&data, &[]).0, Some(0));
    assert!(answers.contains(&ask(&server).json()));
    train(&server, 0);
    assert_eq!(ask(&server).json()["status"], json!(0));
    assert_eq!(check(&data, &[]).0, Some(0));
}

/// The content of every file of the model.
fn contents(data: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut open = vec![data.join("m")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(fs::read(path).unwrap()) }
        }
    }
    found
}

#[rstest]
fn a_damaged_current_model_is_answered_for_by_the_generation_before(
    #[values(flip_a_bit as Damage, cut, remove)] damage: Damage,
) {
    let (server, [first, _]) = two_generations();
    damage(&classifier(&server).join("2/model.onnx"));
    assert_eq!(ask(&server).json(), first);
    assert!(server.log().contains("damaged"), "{}", server.log());
}

#[rstest]
fn a_damaged_only_generation_is_a_clear_message_and_a_deletion_the_way_out(
    #[values(flip_a_bit as Damage, cut, remove)] damage: Damage,
) {
    let server = TestServer::start();
    train(&server, 0);
    damage(&classifier(&server).join("1/model.onnx"));
    let reply = ask(&server);
    assert_eq!(reply.status, 500);
    assert!(reply.text().contains("damaged on the server's disk"), "{}", reply.text());
    assert!(reply.text().contains("Clear predictions"), "{}", reply.text());
    let (code, told) = check(&server.data_dir(), &["--repair"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("m/d/classifier/1/model.onnx") && told.contains("backup"), "{told}");
    assert!(classifier(&server).join("1").is_dir(), "the only copy stays where it is");
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    train(&server, 0);
    assert_eq!(ask(&server).json()["status"], json!(0));
}

#[test]
fn a_damaged_generation_is_set_aside_within_the_model_and_goes_with_it() {
    let (server, _) = two_generations();
    flip_a_bit(&classifier(&server).join("2/samples.bin"));
    let damaged = fs::read(classifier(&server).join("2/samples.bin")).unwrap();
    assert_eq!(check(&server.data_dir(), &["--repair"]).0, Some(0));
    assert!(!classifier(&server).join("2").exists());
    assert!(contents(&server.data_dir()).contains(&damaged));
    let (code, told) = check(&server.data_dir(), &[]);
    assert!(code == Some(0) && told.contains("set aside by an earlier repair"), "{told}");
    server.post("/deletemodel", &Form::new().field("uniqueid", "m")).expect(200, "Ok");
    assert!(!server.data_dir().join("m").exists());
}

#[test]
fn what_is_not_ours_is_told_of_and_left_alone() {
    let (server, _) = two_generations();
    let data = server.data_dir();
    let places = [
        "notes.txt",
        "m/notes.txt",
        "m/d/notes.txt",
        "m/d/classifier/notes.txt",
        "m/d/classifier/2/notes.txt",
    ];
    for place in places {
        fs::write(data.join(place), "of a person").unwrap();
    }
    let (code, told) = check(&data, &["--repair"]);
    assert_eq!(code, Some(0), "{told}");
    for place in places {
        assert!(told.contains(place) && data.join(place).exists(), "{place}: {told}");
    }
}

#[test]
fn what_a_crash_left_is_told_of_and_removed() {
    let (server, [_, second]) = two_generations();
    let data = server.data_dir();
    fs::create_dir_all(data.join(".mlbackend/sessions/1-1/0")).unwrap();
    fs::create_dir(classifier(&server).join("3")).unwrap();
    let (code, told) = check(&data, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(".mlbackend/sessions/1-1") && told.contains("m/d/classifier/3"), "{told}");
    let (code, told) = check(&data, &["--repair"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(!data.join(".mlbackend/sessions/1-1").exists() && !classifier(&server).join("3").exists());
    assert_eq!(ask(&server).json(), second);
}

#[test]
fn looking_makes_no_file() {
    let (server, _) = two_generations();
    let dir = server.kill();
    let data = dir.path().join("data");
    let left = data.join(".mlbackend/sessions");
    fs::remove_dir_all(&left).unwrap();
    assert_eq!(check(&data, &[]).0, Some(0));
    assert!(!left.exists(), "no session was begun");
    drop(Launch::again(dir).start());
}

#[test]
fn a_damaged_model_of_the_python_server_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Network::of_a_line(1.0, 0.5, 2.0).files();
    write_files(&files, &dir.path().join("good/d"));
    files.get_mut(crate::common::DATA).unwrap()[3] ^= 1;
    write_files(&files, &dir.path().join("bad/d"));
    let (code, told) = check(dir.path(), &["--repair"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("bad/d/classifier") && !told.contains("good/d"), "{told}");
    assert!(dir.path().join("bad/d/classifier/classifier.pkl").exists());
}
