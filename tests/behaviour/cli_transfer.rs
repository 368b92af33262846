//! `moodle-mlbackend export` and `import`: models of a data directory as files, beside the server.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::cli_rights::{change_owner, without_privileges};
use super::cli_train::Files;
use crate::common::{Output, TestServer, contents, program, unzipped};

fn on(server: &TestServer, files: &Files, arguments: &[&str]) -> Output {
    let mut command = program(arguments);
    Output::of(command.arg("--data-dir").arg(server.data_dir()).current_dir(files.dir.path()))
}

#[test]
fn exports_the_same_zip_as_the_server_and_changes_no_model() {
    let (server, files) = (TestServer::start(), Files::new());
    server.train("m", &files.read("training.csv"));
    let before = contents(&server.data_dir().join("m"));
    on(&server, &files, &["export", "m/d", "--output", "model.zip"]).expect_code(0);
    on(&server, &files, &["export", "m/d", "--output", "model.onnx"]).expect_code(0);
    assert!(files.read("model.zip") == server.export("m"), "the same bytes");
    assert!(files.read("model.onnx") == unzipped(&files.read("model.zip"))["model.onnx"]);
    assert_eq!(contents(&server.data_dir().join("m")), before);
    let output = on(&server, &files, &["export", "m/d", "--output", "model.zip"]);
    assert!(output.expect_code(1).contains("--force"), "{output:?}");
    let output = on(&server, &files, &["export", "m/other", "--output", "other.zip"]);
    assert!(output.expect_code(1).contains("no trained model m/other"), "{output:?}");
    assert!(!files.path("other.zip").exists());
}

#[test]
fn an_import_is_used_by_the_running_server_and_replaces_a_model_only_with_yes() {
    let (server, files) = (TestServer::start(), Files::new());
    files.train();
    let expected = files.predictions(&["model.onnx"]);
    on(&server, &files, &["import", "model.onnx", "--model", "m/d"]).expect_code(0);
    assert_eq!(server.predictions("m", &files.read("prediction.csv")), expected);
    let before = contents(&server.data_dir().join("m"));
    let output = on(&server, &files, &["import", "model.onnx", "--model", "m/d"]);
    assert!(output.expect_code(1).contains("--yes"), "{output:?}");
    assert_eq!(contents(&server.data_dir().join("m")), before);
    let output = on(&server, &files, &["import", "model.onnx", "--model", "m/d", "--yes"]);
    assert!(output.expect_code(0).contains("Replaced: m/d"), "{output:?}");
    assert_eq!(server.predictions("m", &files.read("prediction.csv")), expected);
}

#[test]
fn what_is_not_a_model_is_refused_and_the_model_kept() {
    let (server, files) = (TestServer::start(), Files::new());
    server.train("m", &files.read("training.csv"));
    let before = contents(&server.data_dir().join("m"));
    fs::write(files.path("broken.zip"), b"PK\x03\x04nothing").unwrap();
    for file in ["training.csv", "broken.zip", "nothing.zip"] {
        on(&server, &files, &["import", file, "--model", "m/d", "--yes"]).expect_code(1);
    }
    assert_eq!(contents(&server.data_dir().join("m")), before);
}

#[test]
fn operations_on_a_data_directory_are_in_its_audit_trail_and_those_on_files_in_none() {
    let (server, files) = (TestServer::start(), Files::new());
    files.train();
    files.run(&["predict", "model.onnx", "prediction.csv"]).expect_code(0);
    for arguments in [
        &["train", "training.csv", "--model", "m/d"][..],
        &["predict", "m/d", "prediction.csv"],
        &["export", "m/d", "--output", "model.zip"],
        &["import", "model.zip", "--model", "m/d", "--yes"],
    ] {
        on(&server, &files, arguments).expect_code(0);
    }
    let trail = on(&server, &files, &["audit", "--json"]).stdout;
    let lines: Vec<serde_json::Value> =
        trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let events: Vec<String> =
        lines.iter().map(|line| format!("{} {}", text(line, "operation"), text(line, "event"))).collect();
    assert_eq!(
        events,
        [
            "training began",
            "training ended",
            "prediction done",
            "export done",
            "import began",
            "import ended"
        ]
    );
    assert!(lines.iter().all(|line| line["uniqueid"] == "m" && line["address"] == "local"), "{trail}");
    assert_eq!(lines[0]["bytes"], files.read("training.csv").len());
    assert_eq!((text(&lines[1], "result"), text(&lines[0], "sha256").len()), ("ok".to_owned(), 64));
}

#[test]
fn root_must_work_on_a_data_directory_as_its_owner() {
    let files = Files::new();
    files.train();
    let data = tempfile::tempdir().unwrap();
    if !change_owner("root_must_work_on_a_data_directory_as_its_owner", data.path()) {
        return;
    }
    let data = data.path().to_str().unwrap();
    for arguments in [
        &["train", "training.csv", "--model", "m/d"][..],
        &["predict", "m/d", "prediction.csv"],
        &["evaluate", "training.csv", "--model", "m/d"],
        &["export", "m/d", "--output", "model.zip"],
        &["import", "model.onnx", "--model", "m/d"],
    ] {
        let output = files.run(&[arguments, &["--data-dir", data]].concat());
        output.expect_code(1);
        assert!(output.stderr.contains(&format!("moodle-mlbackend {} …", arguments[0])), "{output:?}");
    }
    assert_eq!(fs::read_dir(data).unwrap().count(), 0, "nothing is created");
}

#[test]
fn read_only_directories_can_be_read_from_and_are_reported_when_written_to() {
    let test = "read_only_directories_can_be_read_from_and_are_reported_when_written_to";
    let (server, files) = (TestServer::start(), Files::new());
    server.train("m", &files.read("training.csv"));
    let expected = server.predictions("m", &files.read("prediction.csv"));
    let directory = server.kill();
    let data = directory.path().join("data");
    let locked = files.path("locked");
    fs::create_dir(&locked).unwrap();
    let unreadable = files.path("unreadable");
    fs::create_dir(&unreadable).unwrap();
    fs::set_permissions(&unreadable, Permissions::from_mode(0o000)).unwrap();
    for path in [&data, &locked] {
        fs::set_permissions(path, Permissions::from_mode(0o500)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut program = without_privileges(test, &unreadable)?;
        Some(Output::of(program.args(arguments).current_dir(files.dir.path())))
    };
    let data = data.to_str().unwrap();
    if let Some(output) = run(&["predict", "--data-dir", data, "m/d", "prediction.csv", "--csv"]) {
        output.expect_code(0);
        assert_eq!(output.stdout.lines().count(), expected.as_array().unwrap().len() + 1);
        for arguments in [
            &["export", "--data-dir", data, "m/d", "--output", "locked/model.zip"][..],
            &["train", "training.csv", "--output", "locked/model.onnx"],
            &["evaluate", "training.csv", "--iterations", "1", "--output", "locked/report"],
        ] {
            let output = run(arguments).unwrap();
            output.expect_code(1);
            assert!(output.stderr.contains("cannot be written"), "{output:?}");
        }
        assert_eq!(fs::read_dir(&locked).unwrap().count(), 0);
    }
    for path in [data.as_ref(), locked.as_path()] {
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    }
}
