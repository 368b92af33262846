//! `moodle-mlbackend inspect`: describes models, datasets and directories, as tables and as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use moodle_mlbackend::cli::demo::students::Campus;
use rstest::rstest;
use serde_json::{Value, json};

use super::python_server_in_place::of_tensorflow1;
use crate::common::{
    Form, Output, TestModel, TestServer, contents, labelled, run_on, shared, unlabelled, unzipped,
    write_files,
};

fn inspect(path: &Path, flags: &[&str]) -> Output {
    run_on(path, "inspect", flags)
}

/// The JSON description of a file without a problem, which can also be printed as tables.
#[track_caller]
pub(super) fn sound(path: &Path) -> Value {
    let (tables, json) = (inspect(path, &[]), inspect(path, &["--json"]));
    assert_eq!((tables.code, json.code), (Some(0), Some(0)), "{tables:?}{json:?}");
    assert!(tables.stdout.contains('|') && tables.stderr.is_empty(), "{tables:?}");
    parsed(&json)
}

#[track_caller]
fn parsed(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[allow(clippy::disallowed_methods, reason = "a file for another program, in a directory of the test's own")]
pub(super) fn written(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(&path, bytes).expect("written");
    path
}

#[test]
fn describes_a_model_and_its_training() {
    let dir = tempfile::tempdir().expect("a directory");
    let export = TestModel::trained(Campus::new(3).training_csv(0, 600).as_bytes()).export();
    let files = unzipped(&export);
    let paths = [
        written(dir.path(), "export.zip", &export),
        written(dir.path(), "model.onnx", &files["model.onnx"]),
        written(dir.path(), "unpacked/model.onnx", &files["model.onnx"])
            .parent()
            .expect("a parent")
            .to_owned(),
    ];
    for path in paths {
        let found = sound(&path);
        assert_eq!((&found["kind"], &found["problem"]), (&json!("model"), &Value::Null));
        assert!(
            found["origin"].as_str().is_some_and(|origin| origin.starts_with("moodle-mlbackend ")),
            "{found}"
        );
        assert_eq!(found["classes"], json!([0, 1]));
        let counts = found["class_counts"].as_array().expect("counts");
        assert_eq!(counts.iter().filter_map(Value::as_u64).sum::<u64>(), 600);
        assert!(found["log_loss"].as_f64() < found["log_loss_of_shares"].as_f64(), "{found}");
        let top = found["top_features"][0]["name"].as_str().expect("a name");
        let text = inspect(&path, &[]).stdout;
        assert!(text.contains(top) && text.contains("held-out") && text.contains("Tried "), "{text}");
    }
}

#[test]
fn describes_the_samples_and_classes_of_a_dataset() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(dir.path(), "training.csv", &labelled(&["1,-1,,1", "1,0,0.5,0", "1,0,0.5,1"]));
    let found = sound(&path);
    let expected = json!({
        "kind": "dataset", "labelled": true, "rows": 3, "features": 3, "varying": 2, "missing": 1.0 / 9.0,
        "target": "\\target", "time_splitting": "\\quarters", "classes": [0, 1], "class_counts": [1, 2], "problems": []
    });
    assert_eq!(found, expected);

    let path = written(dir.path(), "prediction.csv", &unlabelled(&["a,1,-1,", "b,1,0,0.5"]));
    let found = sound(&path);
    assert_eq!(
        (&found["labelled"], &found["rows"], &found["class_counts"]),
        (&json!(false), &json!(2), &json!([]))
    );
}

#[rstest]
#[case::a_cell(&["1,-1,0,1", "1,x,0,0"], "line 5, column 2")]
#[case::a_row(&["1,-1,0,1", "1,0"], "line 5, column 3")]
#[case::a_target(&["1,-1,0,1", "1,-1,0,7"], "line 5, column 4")]
#[case::a_class_without_samples(&["1,-1,0,1"], "No sample has the class 0")]
fn reports_the_line_and_column_of_a_mistake_in_a_dataset(#[case] rows: &[&str], #[case] reason: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let printed = inspect(&written(dir.path(), "training.csv", &labelled(rows)), &[]).expect_code(1);
    assert!(printed.contains(reason), "{printed}");
}

#[test]
fn lists_the_models_of_a_data_directory_and_changes_nothing() {
    let server = TestServer::start();
    let campus = Campus::new(3);
    let (first, more) = (campus.training_csv(0, 300), campus.training_csv(1, 100));
    for (id, dataset) in [("one", &first), ("one", &more), ("two", &first)] {
        let reply = server.post("/training", &Form::model(id, "d").file("dataset", dataset.as_bytes()));
        assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
    }
    let before = contents(&server.data_dir());
    let found = sound(&server.data_dir());
    assert_eq!((&found["kind"], &found["store"]), (&json!("models"), &json!(true)));
    let models = found["models"].as_array().expect("models");
    let listed: Vec<_> =
        models.iter().map(|model| (&model["uniqueid"], &model["generation"], &model["samples"])).collect();
    assert_eq!(listed, [(&json!("one"), &json!(2), &json!(400)), (&json!("two"), &json!(1), &json!(300))]);
    assert!(
        models.iter().all(|model| model["size"].as_u64() > Some(1_000) && model["problem"].is_null()),
        "{found}"
    );

    let one = sound(&server.data_dir().join("one/d"));
    assert_eq!((&one["store"], &one["model"]["classes"]), (&json!(false), &json!([0, 1])));
    assert_eq!(contents(&server.data_dir()), before);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test damages a file on purpose")]
fn lists_a_damaged_model_as_damaged() {
    let server = TestServer::start();
    let dataset = Campus::new(3).training_csv(0, 100);
    server.post("/training", &Form::model("one", "d").file("dataset", dataset.as_bytes()));
    fs::write(server.data_dir().join("one/d/classifier/1/model.onnx"), b"damage").expect("written");
    let printed = inspect(&server.data_dir(), &[]).expect_code(1);
    assert!(printed.contains("damaged") && printed.contains("one/d: "), "{printed}");
}

#[test]
fn recognizes_a_directory_of_the_python_server() {
    let test = "recognizes_a_directory_of_the_python_server";
    let Some(pickle) = shared(test, "legacy/keras-422-features/classifier.pkl") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    written(dir.path(), "data/one/d/classifier/classifier.pkl", &pickle);
    let found = parsed(&inspect(&dir.path().join("data"), &["--json"]));
    assert_eq!(found["models"][0]["origin"], "the Python server");
}

#[test]
fn recognizes_a_model_of_a_tensorflow_1_release() {
    let dir = tempfile::tempdir().expect("a directory");
    let model_dir = dir.path().join("data/one/d");
    write_files(&of_tensorflow1(), &model_dir);
    for path in [dir.path().join("data"), model_dir.clone(), model_dir.join("classifier")] {
        let printed = inspect(&path, &[]).expect_code(1);
        assert!(printed.contains("only exports of those can be read"), "{printed}");
    }
}

#[rstest]
#[case::scikit_learn("scikit-learn", "skl2onnx")]
#[case::lightgbm("lightgbm", "OnnxMLTools")]
#[case::xgboost("xgboost", "OnnxMLTools")]
#[case::keras("keras", "tf2onnx")]
#[case::pytorch("pytorch", "pytorch")]
fn names_the_tool_that_made_an_external_model(#[case] folder: &str, #[case] tool: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder);
    let found = sound(&folder);
    assert_eq!((&found["features"], &found["log_loss"]), (&json!(10), &Value::Null));
    let printed = inspect(&folder, &[]).expect_code(0);
    assert!(printed.contains("\nNotes:\n") && printed.contains(tool), "{printed}");
    assert!(!printed.contains("None"), "{printed}");

    let printed = inspect(&folder.join("model.onnx"), &[]).expect_code(1);
    assert!(printed.contains("needs a model.json beside it") && printed.contains(tool), "{printed}");
}

#[rstest]
#[case("students-at-risk", "with Keras")]
#[case("tensorflow1-2.5.0", "TensorFlow 1 releases")]
fn distinguishes_the_exports_of_the_python_server(#[case] export: &str, #[case] origin: &str) {
    let test = "distinguishes_the_exports_of_the_python_server";
    let Some(bytes) = shared(test, &format!("legacy/{export}.export.zip")) else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let found = sound(&written(dir.path(), "export.zip", &bytes));
    assert!(found["origin"].as_str().is_some_and(|text| text.contains(origin)), "{found}");
    assert_eq!((&found["classes"], &found["feature_names"]), (&json!([0, 1]), &json!([])));
}

/// Other programs read the JSON: a removed or renamed key breaks them.
#[test]
fn the_keys_of_the_json_are_stable() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = TestServer::start();
    let dataset = Campus::new(3).training_csv(0, 100);
    server.post("/training", &Form::model("one", "d").file("dataset", dataset.as_bytes()));
    let keys =
        |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ");
    let place = sound(&server.data_dir());
    assert_eq!(keys(&place), "kind model models store");
    assert_eq!(
        keys(&place["models"][0]),
        "classes dirhash evaluations generation log_loss origin problem samples size uniqueid when"
    );
    assert_eq!(
        keys(&sound(&server.data_dir().join("one/d"))["model"]),
        "class_counts classes decisions feature_names features files found_as graph log_loss log_loss_of_shares \
         origin problem top_features"
    );
    assert_eq!(
        keys(&sound(&written(dir.path(), "training.csv", dataset.as_bytes()))),
        "class_counts classes features kind labelled missing problems rows target time_splitting varying"
    );
}

#[rstest]
#[case::nothing("empty", b"", "The file is empty.")]
#[case::a_picture(
    "picture.png",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "neither an ONNX file, nor an export, nor a dataset"
)]
#[case::a_text("notes.txt", b"Remember to call Ann.\n", "neither an ONNX file")]
#[case::a_pickle("classifier.pkl", b"\x80\x04\x95\x0c\0\0\0\0\0\0\0", "never executed")]
#[case::a_broken_export("export.zip", b"PK\x03\x04 and no more of it than this line", "zip file")]
#[case::another_zip("empty.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "it is empty")]
fn the_error_for_an_unknown_file_says_why(#[case] name: &str, #[case] bytes: &[u8], #[case] reason: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(dir.path(), name, bytes);
    let output = inspect(&path, &[]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains(reason) && !output.stderr.contains("panicked"), "{output:?}");
    assert_eq!(parsed(&inspect(&path, &["--json"]))["kind"], "unknown");
}

#[test]
fn reports_an_empty_and_a_missing_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    for path in [dir.path().to_owned(), dir.path().join("nowhere")] {
        let printed = inspect(&path, &[]).expect_code(1);
        assert!(printed.contains("holds no model") || printed.contains("cannot be opened"), "{printed}");
    }
}
