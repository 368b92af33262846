//! `moodle-mlbackend evaluate`: the verdict, the figures and the report of a dataset file.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs;

use rstest::rstest;
use serde_json::Value;

use super::cli_train::Files;
use crate::common::{Dice, Form, Table, TestServer, contents, labelled, separable, unzipped};

fn json(files: &Files, arguments: &[&str], code: i32) -> Value {
    let output = files.run(&[&["evaluate", "training.csv", "--json"], arguments].concat());
    output.expect_code(code);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_figures_and_the_report_are_those_of_the_server() {
    let files = Files::new();
    let server = TestServer::start();
    let form = Form::model("m", "d").evaluation(3).file("dataset", &files.read("training.csv"));
    let reply = server.post("/evaluation", &form).json();
    let result = json(
        &files,
        &["--iterations", "3", "--min-score", "0.1", "--max-deviation", "1", "--output", "report.zip"],
        0,
    );
    for (ours, servers) in [
        ("score", "score"),
        ("score_deviation", "score_deviation"),
        ("auc", "auc"),
        ("auc_deviation", "auc_deviation"),
        ("accuracy", "accuracy"),
        ("balanced_accuracy", "balanced accuracy"),
        ("precision", "precision"),
        ("recall", "recall"),
    ] {
        assert_eq!(result[ours], reply[servers], "{ours}");
        assert!(result[ours].is_number(), "{ours}: {result}");
    }
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=d&runid={}", reply["runid"]));
    let names = |zip: &[u8]| {
        let names = unzipped(zip).into_keys().filter(|name| !name.starts_with("tensor/"));
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&files.read("report.zip")), names(&log.body));

    files.run(&["evaluate", "training.csv", "--iterations", "2", "--output", "report"]).expect_code(0);
    assert!(files.path("report/info.log").is_file() && files.path("report/tensor").is_dir());
    let report: Value = serde_json::from_slice(&files.read("report/report.json")).unwrap();
    assert_eq!(report["evaluation"]["iterations_asked"], 2);
}

#[test]
fn a_directory_is_never_replaced_and_a_zip_only_with_force() {
    let files = Files::of(&separable(60, false), b"");
    fs::create_dir(files.path("report")).unwrap();
    fs::write(files.path("report.zip"), "precious").unwrap();
    let before = contents(files.dir.path());
    for arguments in
        [&["--output", "report"][..], &["--output", "report", "--force"], &["--output", "report.zip"]]
    {
        let output = files.run(&[&["evaluate", "training.csv", "--iterations", "1"], arguments].concat());
        assert!(output.expect_code(1).contains("exists"), "{output:?}");
    }
    assert_eq!(contents(files.dir.path()), before);
    files
        .run(&["evaluate", "training.csv", "--iterations", "1", "--output", "report.zip", "--force"])
        .expect_code(0);
    assert!(unzipped(&files.read("report.zip")).contains_key("info.log"));
}

#[rstest]
#[case::good(&["--min-score", "0.5", "--max-deviation", "1"], "good enough", 0, 0)]
#[case::low(&["--min-score", "1", "--max-deviation", "1"], "not good enough", 4, 3)]
#[case::both(&["--min-score", "1", "--max-deviation", "0"], "not good enough and unstable", 12, 3)]
fn the_exit_code_tells_the_verdict(
    #[case] arguments: &[&str],
    #[case] verdict: &str,
    #[case] status: u8,
    #[case] code: i32,
) {
    let files = Files::new();
    let result = json(&files, &[arguments, &["--iterations", "3"]].concat(), code);
    assert_eq!((&result["verdict"], &result["status"]), (&verdict.into(), &status.into()));
    let text = files.run(&[&["evaluate", "training.csv", "--iterations", "3"], arguments].concat());
    assert!(text.expect_code(code).starts_with(&verdict.to_uppercase()), "{text:?}");
}

#[test]
fn a_trained_model_is_tested_on_all_samples_without_being_changed() {
    let files = Files::new();
    files.train();
    let model = files.read("model.onnx");
    let result = json(&files, &["--model", "model.onnx"], 0);
    assert_eq!(result["score_deviation"], 0.0);
    assert!(result["score"].as_f64().unwrap() > 0.6, "{result}");
    assert_eq!(files.read("model.onnx"), model);
    let text = files.run(&["evaluate", "training.csv", "--model", "model.onnx"]).expect_code(0);
    assert!(text.contains("the trained model scored") && !text.contains('±'), "{text}");
}

#[test]
fn too_few_samples_have_no_result_and_exit_code_3() {
    let files = Files::of(&labelled(&["1,1,1,1", "1,1,0,0"]), b"");
    let result = json(&files, &[], 3);
    assert_eq!(result["status"], 8);
    assert!(result.get("score").is_none(), "{result}");
}

#[rstest]
#[case(&["--min-score", "1.5"])]
#[case(&["--min-score", "NaN"])]
#[case(&["--iterations", "0"])]
#[case(&["--max-deviation", "-1"])]
#[case(&["--data-dir", "."])]
fn refuses_invalid_arguments_with_exit_code_2(#[case] arguments: &[&str]) {
    let files = Files::of(&separable(30, false), b"");
    files.run(&[&["evaluate", "training.csv"], arguments].concat()).expect_code(2);
}

/// Samples of one group, of which the model can predict the class, and of another, of which it cannot.
fn two_groups() -> Vec<u8> {
    let mut dice = Dice::new(7);
    let mut table = Table::of_two_classes(&["\\core\\clicks", "\\core\\campus"]);
    for row in 0..240_u16 {
        let (clicks, campus) = (dice.between(-1.0, 1.0), if row % 2 == 0 { -1.0 } else { 1.0 });
        let class = if campus < 0.0 { clicks > 0.0 } else { dice.chance(0.5) };
        table.push(&[clicks as f32, campus], u8::from(class));
    }
    table.labelled()
}

#[test]
fn errors_are_compared_by_groups_of_a_column_and_the_page_is_a_file_of_its_own() {
    let files = Files::of(&two_groups(), b"");
    let arguments = [
        "evaluate",
        "training.csv",
        "--iterations",
        "4",
        "--min-score",
        "0",
        "--max-deviation",
        "1",
        "--group-by",
        "\\core\\campus",
        "--report",
        "page.html",
        "--output",
        "report",
    ];
    let text = files.run(&arguments).expect_code(0);
    assert!(text.trim_end().ends_with("Report: report\nReport: page.html"), "{text}");
    assert_eq!(files.read("page.html"), files.read("report/report.html"));
    let page = String::from_utf8(files.read("page.html")).unwrap();
    assert!(page.contains("The groups differ in how often it is right"), "{page}");
    let report: Value = serde_json::from_slice(&files.read("report/report.json")).unwrap();
    let groups = &report["evaluation"]["groups"];
    assert_eq!((&groups["column"], &groups["hidden"]), (&"\\core\\campus".into(), &0.into()));
    let accuracy = |at: usize, field: &str| groups["groups"][at]["accuracy"][field].as_f64().unwrap();
    assert!(accuracy(0, "low") > accuracy(1, "high"), "{groups}");
    assert!(files.run(&arguments).expect_code(1).contains("exists"), "nothing is replaced");
}

#[rstest]
#[case::unknown("campus", "Similar ones: \\core\\campus")]
#[case::constant("\\core\\same", "same value")]
fn a_column_that_makes_no_groups_is_refused_with_the_reason(#[case] column: &str, #[case] reason: &str) {
    let mut table = Table::of_two_classes(&["\\core\\campus", "\\core\\same"]);
    (0..40_u8).for_each(|row| table.push(&[f32::from(row), 1.0], row % 2));
    let files = Files::of(&table.labelled(), b"");
    let output = files.run(&["evaluate", "training.csv", "--group-by", column]);
    assert!(output.expect_code(1).contains(reason), "{output:?}");
}

#[test]
fn a_model_is_compared_with_what_it_learnt_from() {
    let samples = |seed: u64, shift: f64| {
        let mut dice = Dice::new(seed);
        let mut table =
            Table::of_two_classes(&["\\mod_forum\\analytics\\indicator\\cognitive_depth", "\\core\\b"]);
        for _ in 0..300 {
            let cells = [dice.between(-1.0, 1.0), dice.between(-1.0, 1.0)];
            let class = cells[0] + cells[1] + dice.between(-0.5, 0.5) > 0.0;
            table.push(&[(cells[0] + shift) as f32, cells[1] as f32], u8::from(class));
        }
        table.labelled()
    };
    let files = Files::of(&samples(1, 0.0), b"");
    files.train();
    let report = |name: &str, dataset: &[u8]| -> (String, Value) {
        fs::write(files.path(name), dataset).unwrap();
        let to = format!("{name}.report");
        files
            .run(&["evaluate", name, "--model", "model.onnx", "--output", &to, "--min-score", "0"])
            .expect_code(0);
        let page = String::from_utf8(files.read(&format!("{to}/report.html"))).unwrap();
        (page, serde_json::from_slice(&files.read(&format!("{to}/report.json"))).unwrap())
    };
    let (page, json) = report("same.csv", &samples(2, 0.0));
    assert!(page.contains("Yes: none of 2 indicators"), "{page}");
    assert!(json["drift"]["overall"].as_f64().unwrap() < 0.1, "{json}");
    let (page, json) = report("other.csv", &samples(3, 0.7));
    assert!(page.contains("No: of 2 indicators that the model uses, 1 differ"), "{page}");
    assert!(page.contains("forum: cognitive depth") && page.contains("higher: "), "{page}");
    let first = &json["drift"]["features"][0];
    assert!(first["psi"].as_f64().unwrap() > 0.25, "{first}");
    assert_eq!(first["feature"], "\\mod_forum\\analytics\\indicator\\cognitive_depth");
}
