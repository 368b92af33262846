//! Archives of a model as people and their programs make them: what is unambiguous is imported, with the model's
//! predictions; the rest is refused with a remedy. By the real server, and in the same way by `inspect`.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use super::shipped_models;
use crate::common::{Entry, RawZip, TestServer, run_on, shared};

/// The files of a small model of another tool.
struct Files {
    folder: PathBuf,
    onnx: Vec<u8>,
    json: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/keras");
        let read = |name| fs::read(folder.join(name)).expect("a file of the model");
        Self { onnx: read("model.onnx"), json: read("model.json"), folder }
    }

    fn onnx(&self, name: &str) -> Entry {
        Entry::deflated(name, &self.onnx)
    }

    fn json(&self, name: &str) -> Entry {
        Entry::deflated(name, &self.json)
    }

    /// Both files in a folder, with other entries.
    fn in_folder(&self, folder: &str, others: &[(&str, &[u8])]) -> Vec<u8> {
        let own = [self.onnx(&format!("{folder}model.onnx")), self.json(&format!("{folder}model.json"))];
        let others = others.iter().map(|(name, bytes)| Entry::stored(name, bytes));
        RawZip::of(others.chain(own)).bytes()
    }

    fn with(&self, others: &[(&str, &[u8])]) -> Vec<u8> {
        self.in_folder("", others)
    }

    fn described(&self, json: &[u8]) -> Vec<u8> {
        RawZip::of([self.onnx("model.onnx"), Entry::stored("model.json", json)]).bytes()
    }
}

/// The exit code of `inspect`, and what it prints on one line.
fn inspected(archive: &[u8]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("upload");
    #[allow(
        clippy::disallowed_methods,
        reason = "a file for another program, in a directory of the test's own"
    )]
    fs::write(&path, archive).expect("written");
    let output = run_on(&path, "inspect", &[]);
    (output.code, output.stdout + &output.stderr)
}

#[rstest]
#[case::the_finders_files(|f: &Files| f.with(&[
    ("__MACOSX/", b""), ("__MACOSX/._model.onnx", b"x"), (".DS_Store", b"x"), ("._model.json", b"x")]))]
#[case::the_finders_files_in_a_folder(|f: &Files| f.in_folder("students/", &[
    ("students/", b""), ("__MACOSX/students/._model.onnx", b"x"), ("students/.DS_Store", b"x")]))]
#[case::the_files_of_windows(|f: &Files| f.with(&[("Thumbs.db", b"x"), ("desktop.ini", b"x")]))]
#[case::one_folder(|f: &Files| f.in_folder("My model (2)/", &[]))]
#[case::two_folders(|f: &Files| f.in_folder("a/b/", &[("a/", b""), ("a/b/", b"")]))]
#[case::a_dot(|f: &Files| f.in_folder("./", &[]))]
#[case::texts_and_data_beside_it(|f: &Files| f.with(&[
    ("README.md", b"# Hello"), ("LICENSE", b"x"), ("samples.csv", b"x"), ("expected.json", b"{}"),
    ("make.py", b"x"), ("notes.TXT", b"x"), ("plots/", b""), ("plots/roc.png", b"x"), ("model.pkl", b"x")]))]
#[case::a_readme_beside_the_folder(|f: &Files| f.in_folder("export/", &[("README", b"x")]))]
#[case::another_name(|f: &Files| RawZip::of([f.onnx("students.onnx"), f.json("model.json")]).bytes())]
#[case::another_name_for_both(|f: &Files| RawZip::of([f.onnx("x/Students 2.ONNX"), f.json("x/Students 2.json")]).bytes())]
#[case::a_hidden_ending(|f: &Files| RawZip::of([f.onnx("model.onnx"), f.json("model.json.txt")]).bytes())]
#[case::moodles_export(|f: &Files| f.in_folder("mlbackend/", &[
    ("model-config.json", b"{}"), ("dependencies.json", b"{}"), ("mlbackend/model-card.md", b"# A model")]))]
#[case::moodles_export_in_a_folder(|f: &Files| f.in_folder("at risk/mlbackend/", &[("at risk/model-config.json", b"{}")]))]
#[case::a_byte_order_mark(|f: &Files| f.described(&[&b"\xef\xbb\xbf"[..], &f.json].concat()))]
fn imports_an_archive_that_is_unambiguous(#[case] archive: fn(&Files) -> Vec<u8>) {
    let files = Files::new();
    let archive = archive(&files);
    let server = TestServer::start();
    server.import("m", &archive).expect(200, "Ok");
    let samples = fs::read(files.folder.join("samples.csv")).expect("samples");
    shipped_models::compare(&files.folder, &server.predictions("m", &samples));
    let (code, printed) = inspected(&archive);
    assert!(code == Some(0) && printed.contains("made by"), "{printed}");
}

const TOP: &str = "model.onnx and model.json belong at the top of the zip";

#[rstest]
#[case::two_models(|f: &Files| f.in_folder("a/", &[("b/model.onnx", b"x")]), "several models (\"b/model.onnx\", ")]
#[case::two_models_say_where(|f: &Files| f.in_folder("a/", &[("b/model.json", b"x")]), "at the top of the zip")]
#[case::two_models_beside_each_other(|f: &Files| f.with(&[("other.onnx", b"x")]), "several models")]
#[case::a_description_elsewhere(
    |f: &Files| RawZip::of([f.onnx("a/students.onnx"), f.json("model.json")]).bytes(), "several models (at the top, ")]
#[case::an_unknown_file(|f: &Files| f.with(&[("run.exe", b"x")]), TOP)]
#[case::weights_in_a_second_file(|f: &Files| f.with(&[("model.onnx.data", b"x")]), "external_data=False")]
#[case::no_model(|f: &Files| RawZip::of([f.json("model.json")]).bytes(), "model.onnx is missing")]
#[case::no_description(|f: &Files| RawZip::of([f.onnx("students.onnx")]).bytes(), "needs a model.json beside it")]
#[case::a_zip_in_a_zip(|f: &Files| RawZip::of([Entry::stored("model.zip", &f.with(&[]))]).bytes(), TOP)]
#[case::moodles_export_without_the_model(
    |_: &Files| RawZip::of([Entry::stored("model-config.json", b"{}")]).bytes(), "Include the weights")]
#[case::moodles_export_of_the_php_backend(
    |_: &Files| RawZip::of([Entry::stored("model-config.json", b"{}"), Entry::stored("mlbackend/model.ser", b"x")]).bytes(),
    "PHP backend")]
#[case::a_bare_onnx_file(|f: &Files| f.onnx.clone(), "zip -j model.zip model.onnx model.json")]
#[case::a_bare_description(|f: &Files| f.json.clone(), "zip -j model.zip model.onnx model.json")]
#[case::gzip(|_: &Files| b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "compressed with gzip, not a zip")]
#[case::seven_zip(|_: &Files| b"7z\xbc\xaf\x27\x1c\0\0".to_vec(), "a 7-Zip archive, not a zip")]
#[case::a_pickle(|_: &Files| b"\x80\x04\x95\0\0\0\0\0".to_vec(), "never executed")]
fn refuses_an_archive_with_its_remedy(#[case] archive: fn(&Files) -> Vec<u8>, #[case] remedy: &str) {
    let archive = archive(&Files::new());
    let reply = TestServer::start().import("m", &archive);
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains(remedy) && reply.text().len() < 400, "{}", reply.text());
    if archive.starts_with(b"PK") {
        let (code, printed) = inspected(&archive);
        let words: String = printed.split_whitespace().filter(|word| *word != "|").collect();
        let remedy: String = remedy.split_whitespace().collect();
        assert!(code == Some(1) && words.contains(&remedy), "{printed}");
    }
}

#[rstest]
#[case::single_backslashes(
    br#"{"features": ["\core\x"], "classes": [0, 1]}"#,
    "line 1, column 17: invalid escape (write each backslash twice)"
)]
#[case::backslashes_that_are_escapes(
    b"{\n\"features\": [\"\\tool\"], \"classes\": [0, 1]}",
    "line 2, column 21: the feature"
)]
#[case::classes_of_text(
    br#"{"features": 10, "classes": ["at risk", "safe"]}"#,
    "line 1, column 38: the class \"at risk\" is a text"
)]
#[case::classes_in_quotes(
    br#"{"features": 10, "classes": ["0", "1"]}"#,
    "numbers without quotes, such as [0, 1]"
)]
#[case::one_number_for_classes(
    br#"{"features": 10, "classes": 2}"#,
    "a list of Moodle's labels, such as [0, 1]"
)]
#[case::features_of_numbers(
    br#"{"features": [1, 2], "classes": [0, 1]}"#,
    "line 1, column 15: invalid type: integer `1`, expected a string"
)]
#[case::a_word_for_missing(
    br#"{"features": 10, "classes": [0, 1], "missing": "mean"}"#,
    "line 1, column 53: missing is the value for empty cells"
)]
#[case::a_bare_nan(br#"{"features": 10, "classes": [0, 1], "missing": NaN}"#, "write \"nan\" in quotes")]
#[case::python_quotes(b"{'features': 10, 'classes': [0, 1]}", "straight double quotes")]
#[case::typographic_quotes("{\u{201c}features\u{201d}: 10}".as_bytes(), "straight double quotes")]
#[case::a_trailing_comma(br#"{"features": 10, "classes": [0, 1],}"#, "line 1, column 36: trailing comma")]
#[case::no_classes(br#"{"features": 10}"#, "missing field `classes`")]
#[case::utf_16(b"\xff\xfe{\0", "save it as UTF-8")]
#[case::nothing(b"", "it is empty")]
fn explains_a_mistake_in_model_json_with_its_position_and_an_example(
    #[case] json: &[u8],
    #[case] words: &str,
) {
    let reply = TestServer::start().import("m", &Files::new().described(json));
    assert_eq!(reply.status, 400, "{}", reply.text());
    let text = reply.text();
    assert!(text.contains(words) && text.len() < 500, "{text}");
    assert!(text.contains("UTF-8") || text.contains(r"\\core\\analytics\\indicator\\read_actions"), "{text}");
}

#[rstest]
#[case("zip_mac", None)]
#[case("zip_other_name", None)]
#[case("zip_moodle_export", None)]
#[case("zip_json_bom", None)]
#[case("zip_json_only", Some("model.onnx is missing"))]
#[case("zip_json_single_backslash", Some("write each backslash twice"))]
#[case("zip_json_missing_word", Some("\"nan\", or one number such as 0"))]
fn answers_the_recorded_archives(#[case] name: &str, #[case] refusal: Option<&str>) {
    let Some(archive) = shared("answers_the_recorded_archives", &format!("field/{name}.zip")) else { return };
    let reply = TestServer::start().import("m", &archive);
    let (status, words) = refusal.map_or((200, "Ok"), |words| (400, words));
    assert!(reply.status == status && reply.text().contains(words), "{}", reply.text());
    assert_eq!(inspected(&archive).0, Some(i32::from(refusal.is_some())));
}
