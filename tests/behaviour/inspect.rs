//! `moodle-mlbackend inspect`: says what a thing is, for people and for machines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use moodle_mlbackend::cli::demo::students::Campus;
use rstest::rstest;
use serde_json::{Value, json};

use super::python_server_in_place::of_tensorflow1;
use crate::common::{Form, Home, TestServer, labelled, shared, unlabelled, unzipped, write_files};

struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

fn inspect(path: &Path, flags: &[&str]) -> Said {
    let program = env!("CARGO_BIN_EXE_moodle-mlbackend");
    let done = Command::new(program).arg("inspect").args(flags).arg(path).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said { out: text(done.stdout), err: text(done.stderr), code: done.status.code() }
}

/// What is sound, as JSON; as tables it is said, too.
#[track_caller]
pub(super) fn sound(path: &Path) -> Value {
    let (tables, json) = (inspect(path, &[]), inspect(path, &["--json"]));
    assert_eq!((tables.code, json.code), (Some(0), Some(0)), "{}{}{}", tables.out, tables.err, json.out);
    assert!(tables.out.contains('|') && tables.err.is_empty(), "{}", tables.out);
    serde_json::from_str(&json.out).unwrap_or_else(|error| panic!("{error}: {}", json.out))
}

#[allow(clippy::disallowed_methods, reason = "a file for another program, in a directory of the test's own")]
fn written(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(&path, bytes).expect("written");
    path
}

fn students() -> Home {
    Home::trained(Campus::new(3).training_csv(0, 600).as_bytes())
}

#[test]
fn a_model_tells_what_it_has_learnt_and_from_what() {
    let dir = tempfile::tempdir().expect("a directory");
    let export = students().export();
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
        let learnt: u64 =
            found["class_counts"].as_array().expect("counts").iter().filter_map(Value::as_u64).sum();
        assert_eq!(learnt, 600);
        assert!(found["log_loss"].as_f64() < found["log_loss_of_shares"].as_f64(), "{found}");
        let top = found["top_features"][0]["name"].as_str().expect("a name");
        let said = inspect(&path, &[]).out;
        assert!(said.contains(top) && said.contains("held-out") && said.contains("Tried "), "{said}");
    }
}

#[test]
fn a_dataset_tells_its_samples_and_classes() {
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
fn a_dataset_with_a_mistake_tells_where(#[case] rows: &[&str], #[case] reason: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let said = inspect(&written(dir.path(), "training.csv", &labelled(rows)), &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains(reason), "{}", said.out);
}

#[test]
fn a_data_directory_lists_its_models_and_changes_nothing() {
    let server = TestServer::start();
    let campus = Campus::new(3);
    let (first, more) = (campus.training_csv(0, 300), campus.training_csv(1, 100));
    for (id, dataset) in [("one", &first), ("one", &more), ("two", &first)] {
        let reply = server.post("/training", &Form::model(id, "d").file("dataset", dataset.as_bytes()));
        assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
    }
    let before = everything(&server.data_dir());
    let found = sound(&server.data_dir());
    assert_eq!((&found["kind"], &found["store"]), (&json!("models"), &json!(true)));
    let models = found["models"].as_array().expect("models");
    let told: Vec<_> =
        models.iter().map(|model| (&model["uniqueid"], &model["generation"], &model["samples"])).collect();
    assert_eq!(told, [(&json!("one"), &json!(2), &json!(400)), (&json!("two"), &json!(1), &json!(300))]);
    assert!(
        models.iter().all(|model| model["size"].as_u64() > Some(1_000) && model["problem"].is_null()),
        "{found}"
    );

    let one = sound(&server.data_dir().join("one/d"));
    assert_eq!((&one["store"], &one["model"]["classes"]), (&json!(false), &json!([0, 1])));
    assert_eq!(everything(&server.data_dir()), before);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "damage is what is wanted")]
fn a_damaged_model_is_listed_as_such() {
    let server = TestServer::start();
    let dataset = Campus::new(3).training_csv(0, 100);
    server.post("/training", &Form::model("one", "d").file("dataset", dataset.as_bytes()));
    fs::write(server.data_dir().join("one/d/classifier/1/model.onnx"), b"damage").expect("written");
    let said = inspect(&server.data_dir(), &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("damaged") && said.out.contains("one/d: "), "{}", said.out);
}

#[test]
fn a_directory_of_the_python_server_is_known_as_such() {
    let Some(pickle) = shared("a_directory_of_the_python_server", "legacy/keras-422-features/classifier.pkl")
    else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    written(dir.path(), "data/one/d/classifier/classifier.pkl", &pickle);
    let said = inspect(&dir.path().join("data"), &["--json"]);
    let found: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(found["models"][0]["origin"], "the Python server");
}

#[test]
fn a_model_that_a_tensorflow_1_release_stored_is_known_as_such() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("data/one/d");
    write_files(&of_tensorflow1(), &home);
    for path in [dir.path().join("data"), home.clone(), home.join("classifier")] {
        let said = inspect(&path, &[]);
        assert_eq!(said.code, Some(1));
        assert!(said.out.contains("only exports of those can be read"), "{}", said.out);
    }
}

/// Models and datasets of each origin, with words that an administrator looks for.
#[rstest]
#[case::scikit_learn("scikit-learn", "skl2onnx")]
#[case::lightgbm("lightgbm", "OnnxMLTools")]
#[case::xgboost("xgboost", "OnnxMLTools")]
#[case::keras("keras", "tf2onnx")]
#[case::pytorch("pytorch", "pytorch")]
fn a_model_of_another_tool_tells_what_made_it(#[case] folder: &str, #[case] tool: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder);
    let found = sound(&folder);
    assert_eq!((&found["features"], &found["log_loss"]), (&json!(10), &Value::Null));
    let said = inspect(&folder, &[]).out;
    assert!(said.contains("What is known of it") && said.contains(tool), "{said}");

    let alone = inspect(&folder.join("model.onnx"), &[]);
    assert_eq!(alone.code, Some(1));
    assert!(alone.out.contains("needs a model.json beside it") && alone.out.contains(tool), "{}", alone.out);
}

#[test]
fn the_exports_of_the_python_server_are_told_apart() {
    for (export, origin) in
        [("students-at-risk", "with Keras"), ("tensorflow1-2.5.0", "TensorFlow 1 releases")]
    {
        let test = "the_exports_of_the_python_server_are_told_apart";
        let Some(bytes) = shared(test, &format!("legacy/{export}.export.zip")) else { return };
        let dir = tempfile::tempdir().expect("a directory");
        let found = sound(&written(dir.path(), "export.zip", &bytes));
        assert!(found["origin"].as_str().is_some_and(|told| told.contains(origin)), "{found}");
        assert_eq!((&found["classes"], &found["feature_names"]), (&json!([0, 1]), &json!([])));
    }
}

/// Programs read these: a key that goes, or is called otherwise, breaks them.
#[test]
fn the_keys_of_the_json_stay() {
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
fn what_is_nothing_known_is_told_in_a_sentence(
    #[case] name: &str,
    #[case] bytes: &[u8],
    #[case] reason: &str,
) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(dir.path(), name, bytes);
    let said = inspect(&path, &[]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains(reason) && !said.err.contains("panicked"), "{}", said.err);
    let json: Value = serde_json::from_str(&inspect(&path, &["--json"]).out).expect("JSON");
    assert_eq!(json["kind"], "unknown");
}

#[test]
fn a_place_where_there_is_nothing_is_told_as_well() {
    let dir = tempfile::tempdir().expect("a directory");
    for path in [dir.path().to_owned(), dir.path().join("nowhere")] {
        let said = inspect(&path, &[]);
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains("holds no model") || said.err.contains("cannot be opened"), "{}", said.err);
    }
}

/// Every path below a directory, with its size.
fn everything(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        found.push((path.clone(), entry.metadata().expect("metadata").len()));
        if path.is_dir() {
            found.extend(everything(&path));
        }
    }
    found.sort();
    found
}
