//! `moodle-mlbackend audit`, and what the other commands and Moodle's local mode write into the audit trail.
#![allow(clippy::disallowed_methods, reason = "not files of the program but those of a test")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{
    Form, Launch, Network, Output, TestServer, program, run_on, separable, trail, trail_dir, unlabelled,
    write_files,
};

fn json_lines(data: &Path, flags: &[&str]) -> Vec<Value> {
    let output = run_on(data, "audit", &[&["--json"], flags].concat()).expect_code(0);
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server whose users a and c each trained a model.
fn used() -> TestServer {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b,c:d").start();
    server.train("m1", &separable(40, false));
    let form = Form::model("m2", "d").file("dataset", &separable(40, true));
    let request = crate::common::Request::new("POST", "/training").credentials("c", "d").form(&form);
    assert_eq!(server.send(&request).json()["status"], 0);
    server.predictions("m1", &unlabelled(&["1-0,1,3,-1"]));
    server.get("/export?uniqueid=none&dirhash=d");
    server
}

#[test]
fn filters_select_lines_and_json_has_them_as_they_are_stored() {
    let server = used();
    let data = server.data_dir();
    let all = trail(&data);
    assert_eq!(json_lines(&data, &[]), all);
    assert_eq!(json_lines(&data, &["--limit", "0"]), all);
    assert_eq!(json_lines(&data, &["--limit", "2"]), all[4..]);
    let count = |flags: &[&str]| json_lines(&data, flags).len();
    assert_eq!(count(&["--user", "c"]), 2);
    assert_eq!(count(&["--user", "unknown"]), 0);
    assert_eq!(
        [count(&["--model", "m1"]), count(&["--model", "m1/d"]), count(&["--model", "m1/e"])],
        [3, 3, 0]
    );
    assert_eq!(count(&["--operation", "prediction,export"]), 2);
    assert_eq!([count(&["--result", "ok"]), count(&["--result", "no-result"])], [3, 1]);
    assert_eq!(count(&["--request-id", all[2]["request"].as_str().unwrap()]), 2);
    assert_eq!(
        [count(&["--since", "1h"]), count(&["--until", "1h"]), count(&["--since", "2020-01-01"])],
        [6, 0, 6]
    );
    let third = all[2]["time"].as_str().unwrap();
    let (before, after) = (count(&["--until", third]), count(&["--since", third]));
    assert_eq!(before + after, all.len());
    assert!(after >= 4 && count(&["--since", "2999-01-01"]) == 0);
}

#[test]
fn the_table_has_one_row_for_each_operation() {
    let server = used();
    let shown = run_on(&server.data_dir(), "audit", &[]).expect_code(0);
    assert_eq!(shown.lines().filter(|line| line.contains("training")).count(), 2, "{shown}");
    assert!(shown.contains("ok, 40 samples, generation 1") && shown.contains("4 operations."), "{shown}");
    let newest = run_on(&server.data_dir(), "audit", &["--limit", "1"]).expect_code(0);
    assert!(newest.contains("export") && newest.contains("--limit 0 shows 3 more"), "{newest}");
}

#[test]
fn invalid_flags_and_directories_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let empty = run_on(dir.path(), "audit", &[]).expect_code(0);
    assert_eq!(empty, "0 operations.\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is created");
    let refused = run_on(dir.path(), "audit", &["--since", "yesterday"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("2026-11-27"), "{}", refused.stderr);
    let missing = run_on(Path::new("nowhere-at-all"), "audit", &[]);
    assert!(missing.code == Some(1) && missing.stderr.contains("does not exist"), "{}", missing.stderr);
}

#[test]
fn commands_that_change_the_data_directory_are_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("m/d");
    fs::create_dir_all(&model).unwrap();
    write_files(&Network::of_a_line(1.0, 0.5, 2.0).files(), &model);
    for (command, flags) in [
        ("migrate", &["--dry-run"][..]),
        ("prune", &["--dry-run"]),
        ("check", &[]),
        ("migrate", &[]),
        ("prune", &[]),
        ("check", &["--repair"]),
    ] {
        run_on(dir.path(), command, flags).expect_code(0);
    }
    let lines = trail(dir.path());
    let summary: Vec<_> =
        lines.iter().map(|line| format!("{} {}", line["event"], line["operation"])).collect();
    let both = |operation: &str| ["began", "ended"].map(|event| format!("\"{event}\" \"{operation}\""));
    assert_eq!(summary, ["migration", "pruning", "repair"].map(both).concat());
    let user = Output::of(std::process::Command::new("id").arg("-un")).stdout;
    for line in &lines {
        assert_eq!((&line["address"], &line["user"]), (&json!("local"), &json!(user.trim())));
    }
    assert_eq!((&lines[1]["uniqueid"], &lines[1]["result"]), (&json!("m"), &json!("ok")));
}

#[test]
fn local_mode_records_its_operations_above_the_directory_of_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let (dataset, samples) = (dir.path().join("dataset.csv"), dir.path().join("samples.csv"));
    fs::write(&dataset, separable(40, false)).unwrap();
    fs::write(&samples, unlabelled(&["1-0,1,3,-1"])).unwrap();
    let output = dir.path().join("output");
    let model = output.join("m/execution");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let run = |module: &str, arguments: &[String]| {
        let mut command = program(&["-m", &format!("moodlemlbackend.{module}"), "m", &text(&model)]);
        Output::of(command.args(arguments))
    };
    run("training", &[text(&dataset)]).expect_code(0);
    run("prediction", &[text(&samples)]).expect_code(0);
    run("evaluation", &[text(&dataset), "0.1".into(), "0.9".into(), "2".into()]).expect_code(0);
    run("export", &[text(&dir.path().join("exported"))]).expect_code(0);
    run("import", &[text(&dir.path().join("exported"))]).expect_code(0);
    let lines = trail(&output);
    let summary: Vec<_> = lines
        .iter()
        .map(|line| (line["event"].as_str().unwrap(), line["operation"].as_str().unwrap()))
        .collect();
    let expected = [
        ("began", "training"),
        ("ended", "training"),
        ("done", "prediction"),
        ("began", "evaluation"),
        ("ended", "evaluation"),
        ("done", "export"),
        ("began", "import"),
        ("ended", "import"),
    ];
    assert_eq!(summary, expected);
    assert_eq!((&lines[1]["dirhash"], &lines[1]["samples"]), (&json!("execution"), &json!(40)));
    assert!(lines[0]["sha256"].is_string() && !trail_dir(&model).exists());
    assert!(!serde_json::to_string(&lines).unwrap().contains(dir.path().to_str().unwrap()), "a path");
}
