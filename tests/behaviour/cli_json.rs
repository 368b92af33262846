//! The shapes of `--json` in docs/command-line.md, compared with what the program prints.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cli_train::Files;
use crate::common::{Network, Output, TestServer, program, separable, unlabelled};

const PAGE: &str = include_str!("../../docs/command-line.md");

/// Objects whose keys are data.
const MAPS: [&str; 2] = ["operators", "settings"];

/// The examples of a command.
fn shapes(command: &str) -> Vec<Value> {
    let section = PAGE.split(&format!("\n### `{command}`\n")).nth(1).expect("a section");
    let section = section.split("\n### ").next().expect("a section");
    let blocks = section.split("```json\n").skip(1).map(|block| block.split("\n```").next().expect("an end"));
    blocks.map(|block| serde_json::from_str(block).expect("JSON")).collect()
}

/// What is printed but not in the example.
fn undocumented(path: &str, printed: &Value, example: &Value, found: &mut BTreeSet<String>) {
    match (printed, example) {
        (Value::Object(printed), Value::Object(example)) => {
            let is_map = MAPS.iter().any(|map| path.ends_with(map));
            for (key, value) in printed {
                let known = if is_map { example.values().next() } else { example.get(key) };
                match known {
                    Some(known) => undocumented(&format!("{path}/{key}"), value, known, found),
                    None => drop(found.insert(format!("{path}/{key}"))),
                }
            }
        }
        (Value::Array(printed), Value::Array(example)) => {
            for (value, example) in
                printed.iter().filter_map(|value| example.first().map(|first| (value, first)))
            {
                undocumented(&format!("{path}[]"), value, example, found);
            }
        }
        _ => {}
    }
}

#[track_caller]
fn assert_documented(command: &str, output: &Output) {
    let printed: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{command}: {error}: {output:?}"));
    let examples = shapes(command);
    let example =
        examples.iter().find(|example| example.get("kind") == printed.get("kind")).expect("an example");
    let mut found = BTreeSet::new();
    undocumented("", &printed, example, &mut found);
    assert!(found.is_empty(), "{command}: docs/command-line.md lacks {found:?}: {printed}");
    assert!(output.stderr.is_empty() || output.code != Some(0), "{command}: {output:?}");
}

#[test]
fn every_field_of_json_is_documented() {
    let files = Files::of(&separable(60, false), &unlabelled(&["a,1,2,-1"]));
    let server = TestServer::start();
    server.train("m", &separable(60, false));
    Network::of_a_line(1.0, 0.5, 2.0).write(&server.data_dir().join("p/d"));
    let data = server.data_dir();
    let data = data.to_str().expect("text");
    let url = server.url("");
    files.train();
    let cases: [(&str, &[&str]); 17] = [
        ("train", &["training.csv", "--output", "other.onnx"]),
        ("train", &["training.csv", "--data-dir", data, "--model", "n/d"]),
        ("predict", &["model.onnx", "prediction.csv"]),
        ("explain", &["model.onnx", "prediction.csv", "--background", "training.csv"]),
        ("evaluate", &["training.csv", "--iterations", "2", "--output", "report.zip"]),
        ("anonymize", &["training.csv", "--output", "other.csv", "--iterations", "1", "--max-change", "9"]),
        ("export", &["--data-dir", data, "m/d", "--output", "model.zip"]),
        ("audit-bundle", &["--data-dir", data, "m/d", "--output", "audit.zip"]),
        ("import", &["model.zip", "--data-dir", data, "--model", "i/d"]),
        ("inspect", &["model.onnx"]),
        ("inspect", &["training.csv"]),
        ("inspect", &[data]),
        ("check", &[data]),
        ("migrate", &["--data-dir", data, "--dry-run"]),
        ("prune", &[data, "--dry-run"]),
        ("health", &[&url]),
        ("config", &["--data-dir", data]),
    ];
    for (command, arguments) in cases {
        let output = files.run(&[&[command], arguments, &["--json"]].concat());
        assert_documented(command, &output);
        assert!(output.code == Some(0), "{command}: {output:?}");
    }
}

#[test]
fn every_field_of_the_audit_trail_is_documented() {
    let server = TestServer::start();
    server.train("m", &separable(60, false));
    server.predictions("m", &unlabelled(&["a,1,2,-1"]));
    server.import("m", b"no archive");
    let output = Output::of(program(&["audit", "--json"]).arg(server.data_dir()));
    output.expect_code(0);
    assert!(output.stdout.lines().count() >= 4, "{output:?}");
    for line in output.stdout.lines() {
        assert_documented("audit", &Output { stdout: line.to_owned(), stderr: String::new(), code: Some(0) });
    }
}

#[test]
fn the_demo_and_new_entries_of_users_are_json_too() {
    let files = Files::of(&separable(60, false), &unlabelled(&["a,1,2,-1"]));
    let demo = Output::of(program(&["demo", "--samples", "500", "--json"]).env("TMPDIR", files.path("")));
    demo.expect_code(0);
    assert_documented("demo", &demo);
    let printed: Value = serde_json::from_str(&demo.stdout).expect("JSON");
    assert!(printed["steps"].as_array().is_some_and(|steps| steps.len() > 8), "{printed}");
    let report = printed["report"].as_str().expect("a path");
    assert!(std::path::Path::new(report).join("report.html").is_file(), "{report}");

    let entry =
        Output::of(program(&["passwd", "--json", "--generate", "moodle"]).stdin(std::process::Stdio::null()));
    entry.expect_code(0);
    let password = entry.stderr.trim().strip_prefix("moodle: ").expect("the password").to_owned();
    assert!(!entry.stdout.contains(&password), "{entry:?}");
    assert_documented("passwd", &Output { stderr: String::new(), ..entry });
}

#[test]
fn a_server_that_is_not_ready_is_json_too() {
    let address = format!("http://127.0.0.1:{}", crate::common::free_port());
    let output = Output::of(&mut program(&["health", &address, "--json"]));
    assert_eq!(output.code, Some(1));
    assert_documented("health", &output);
    let printed: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(printed["ready"], false);
}
