//! Our models in another program's hands: onnxruntime gives the same answers to the same samples.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use moodle_mlbackend::cli::demo::students::Campus;
use moodle_mlbackend::dataset::{Limits, read_unlabelled};
use moodle_mlbackend::model::Model;
use rstest::rstest;
use tempfile::TempDir;

use crate::common::{Dice, Home, Table, python, run_script, script_fails, waves};

/// What a model learns from, and what it is asked.
type Datasets = (Vec<u8>, Vec<u8>);

fn students(samples: usize) -> Datasets {
    let campus = Campus::new(11);
    (campus.training_csv(0, samples).into_bytes(), campus.cohort(0, 300).csv.into_bytes())
}

fn two_waves(samples: usize) -> Datasets {
    (waves(samples, 1).labelled(), waves(300, 2).unlabelled())
}

/// The class is the nearest of `classes` points on a line; a second column is noise, with empty cells.
fn many_classes(classes: usize, samples: usize) -> Datasets {
    let labels = &["-1", "0", "1", "2", "3", "4", "5"][..classes];
    let mut dice = Dice::new(7);
    let mut table = Table::of_classes(&["\\line", "\\noise"], labels);
    for n in 0..samples {
        let class = n % classes;
        let noise = if dice.chance(0.3) { f32::NAN } else { dice.uniform() as f32 };
        table.push(&[(class as f64 + dice.between(-0.8, 0.8)) as f32, noise], labels[class]);
    }
    (table.labelled(), table.select(0..samples.min(200)).unlabelled())
}

fn nothing_varies() -> Datasets {
    let mut table = Table::of_two_classes(&["\\a", "\\b"]);
    for n in 0..12 {
        table.push(&[-1.0, f32::NAN], u8::from(n >= 3));
    }
    let mut ask = table.select(0..3);
    ask.push(&[1.0, 0.5], 0);
    (table.labelled(), ask.unlabelled())
}

/// A chessboard, which only trees make out, and two columns of noise.
fn chessboard(samples: usize) -> Datasets {
    let mut dice = Dice::new(5);
    let mut table = Table::of_two_classes(&["\\row", "\\column", "\\noise", "\\gaps"]);
    for _ in 0..samples {
        let (row, column) = (dice.below(4), dice.below(4));
        let place = |field: usize, dice: &mut Dice| (field as f64 + dice.uniform()) as f32 / 4.0;
        let gap = if dice.chance(0.5) { f32::NAN } else { dice.uniform() as f32 };
        let cells = [place(row, &mut dice), place(column, &mut dice), dice.uniform() as f32, gap];
        table.push(&cells, (row + column) % 2);
    }
    (table.labelled(), table.select(0..200).unlabelled())
}

/// Numbers far outside of what Moodle sends.
fn extremes() -> Datasets {
    let mut dice = Dice::new(3);
    let mut table = Table::of_two_classes(&["\\huge", "\\tiny", "\\only_missing_tells"]);
    for n in 0..80 {
        let one = n % 2 == 1;
        let sign = if one { 1.0 } else { -1.0 };
        let (huge, tiny) = (sign * 1e30 + dice.between(-2e30, 2e30), dice.between(-1e-30, 1e-30));
        table.push(&[huge as f32, tiny as f32, if one { f32::NAN } else { 0.5 }], u8::from(one));
    }
    let ask = table.select(0..40).unlabelled();
    (table.labelled(), ask)
}

/// The answers of this backend to a prediction dataset, as JSON: sample id → probabilities.
fn our_answers(onnx: &[u8], ask: &[u8]) -> String {
    let samples = read_unlabelled(ask, &Limits::default()).expect("a prediction dataset");
    let probabilities = Model::load(onnx).expect("our model").predict(samples.features).expect("answers");
    let answers: BTreeMap<String, Vec<f64>> =
        samples.ids.into_iter().zip(probabilities.outer_iter().map(|row| row.to_vec())).collect();
    serde_json::to_string(&answers).expect("JSON")
}

/// The ONNX file inside an export.
fn exported(home: &Home) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(home.export())).expect("a zip");
    let mut onnx = Vec::new();
    std::io::copy(&mut archive.by_name("model.onnx").expect("a model"), &mut onnx).expect("read");
    onnx
}

/// What the script compares, as files.
struct Desk(TempDir);

impl Desk {
    fn new(onnx: &[u8], samples: &[u8], expected: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let files = [(FILES[0], onnx), (FILES[1], samples), (FILES[2], expected.as_bytes())];
        for (name, bytes) in files {
            #[expect(clippy::disallowed_methods, reason = "nobody reads it before the script does")]
            fs::write(dir.path().join(name), bytes).expect("written");
        }
        Self(dir)
    }

    fn files(&self) -> [PathBuf; 3] {
        FILES.map(|name| self.0.path().join(name))
    }
}

/// What the script is given, in this order; so called also in `models/`.
const FILES: [&str; 3] = ["model.onnx", "samples.csv", "expected.json"];

#[rstest]
#[case::two_classes_with_missing_cells(students(300), 300)]
#[case::few_samples(students(40), 300)]
#[case::three_classes(many_classes(3, 150), 150)]
#[case::seven_classes(many_classes(7, 500), 200)]
#[case::a_chessboard_of_trees(chessboard(2_400), 200)]
#[case::columns_that_never_vary(nothing_varies(), 4)]
#[case::random_combinations_of_continuous_features(two_waves(300), 300)]
#[case::many_students(students(2_400), 300)]
#[case::many_continuous_samples(two_waves(2_400), 300)]
#[case::huge_and_tiny_numbers(extremes(), 40)]
fn onnxruntime_answers_as_we_do(#[case] datasets: Datasets, #[case] samples: u64) {
    let Some(python) = python() else { return };
    let (training, ask) = datasets;
    let home = Home::trained(&training);
    let onnx = exported(&home);
    let dir = Desk::new(&onnx, &ask, &our_answers(&onnx, &ask));
    let answer = run_script(&python, "check_onnx.py", &dir.files());
    assert_eq!(answer["samples"].as_u64(), Some(samples));
}

#[test]
fn the_chessboards_model_is_made_of_trees() {
    let model = Model::load(&Home::trained(&chessboard(2_400).0).onnx()).expect("our model");
    let said = model.metadata().decisions.join("\n");
    assert!(said.contains(" trees.") && !said.contains(" 0 trees."), "{said}");
}

#[test]
fn an_answer_that_differs_a_little_is_noticed() {
    let Some(python) = python() else { return };
    let (training, ask) = two_waves(100);
    let onnx = exported(&Home::trained(&training));
    let mut answers: BTreeMap<String, Vec<f64>> =
        serde_json::from_str(&our_answers(&onnx, &ask)).expect("answers");
    answers.values_mut().next().expect("a sample")[0] += 2e-5;
    let dir = Desk::new(&onnx, &ask, &serde_json::to_string(&answers).expect("JSON"));
    let told = script_fails(&python, "check_onnx.py", &dir.files());
    assert!(told.contains("is expected"), "{told}");
}

#[test]
fn onnxruntime_answers_as_is_expected_of_the_models_that_ship() {
    let Some(python) = python() else { return };
    for model in super::shipped_models::all() {
        let read = |name| fs::read(model.join(name)).expect("a file of the model");
        let expected = String::from_utf8(read("expected.json")).expect("text");
        let desk =
            Desk::new(&super::shipped_models::imported(&model).onnx(), &read("samples.csv"), &expected);
        let answer = run_script(&python, "check_onnx.py", &desk.files());
        assert!(answer["samples"].as_u64() > Some(0), "{}", model.display());
    }
}
