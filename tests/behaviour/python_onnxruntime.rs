//! onnxruntime gives the same probabilities as this backend for the same samples.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use moodle_mlbackend::cli::demo::students::Campus;
use moodle_mlbackend::dataset::{Limits, read_unlabelled};
use moodle_mlbackend::model::Model;
use rstest::rstest;
use tempfile::TempDir;

use crate::common::{Dice, Table, TestModel, python, run_script, script_fails, unzipped, waves};

/// A training dataset and a prediction dataset.
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

fn no_feature_varies() -> Datasets {
    let mut table = Table::of_two_classes(&["\\a", "\\b"]);
    for n in 0..12 {
        table.push(&[-1.0, f32::NAN], u8::from(n >= 3));
    }
    let mut unlabelled = table.select(0..3);
    unlabelled.push(&[1.0, 0.5], 0);
    (table.labelled(), unlabelled.unlabelled())
}

/// A chessboard, which only trees can learn, and two columns of noise.
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

/// Numbers far outside of the range that Moodle sends.
fn extremes() -> Datasets {
    let mut dice = Dice::new(3);
    let mut table = Table::of_two_classes(&["\\huge", "\\tiny", "\\only_missing_tells"]);
    for n in 0..80 {
        let one = n % 2 == 1;
        let sign = if one { 1.0 } else { -1.0 };
        let (huge, tiny) = (sign * 1e30 + dice.between(-2e30, 2e30), dice.between(-1e-30, 1e-30));
        table.push(&[huge as f32, tiny as f32, if one { f32::NAN } else { 0.5 }], u8::from(one));
    }
    let samples = table.select(0..40).unlabelled();
    (table.labelled(), samples)
}

/// The probabilities of this backend for a prediction dataset, as JSON: sample id → probabilities.
fn our_probabilities(onnx: &[u8], samples: &[u8]) -> String {
    let samples = read_unlabelled(samples, &Limits::default()).expect("a prediction dataset");
    let probabilities = Model::load(onnx).expect("our model").predict(samples.features).expect("answers");
    let answers: BTreeMap<String, Vec<f64>> =
        samples.ids.into_iter().zip(probabilities.outer_iter().map(|row| row.to_vec())).collect();
    serde_json::to_string(&answers).expect("JSON")
}

/// The ONNX file of an export.
fn exported(home: &TestModel) -> Vec<u8> {
    unzipped(&home.export()).remove("model.onnx").expect("a model")
}

/// The files that the script compares.
struct ScriptFiles(TempDir);

impl ScriptFiles {
    fn new(onnx: &[u8], samples: &[u8], expected: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let files = [(FILES[0], onnx), (FILES[1], samples), (FILES[2], expected.as_bytes())];
        for (name, bytes) in files {
            #[expect(clippy::disallowed_methods, reason = "only the script reads it")]
            fs::write(dir.path().join(name), bytes).expect("written");
        }
        Self(dir)
    }

    fn paths(&self) -> [PathBuf; 3] {
        FILES.map(|name| self.0.path().join(name))
    }
}

/// The arguments of the script, in this order; `models/` uses the same names.
const FILES: [&str; 3] = ["model.onnx", "samples.csv", "expected.json"];

#[rstest]
#[case::two_classes_with_missing_cells(students(300), 300)]
#[case::few_samples(students(40), 300)]
#[case::three_classes(many_classes(3, 150), 150)]
#[case::seven_classes(many_classes(7, 500), 200)]
#[case::a_chessboard_of_trees(chessboard(2_400), 200)]
#[case::columns_that_never_vary(no_feature_varies(), 4)]
#[case::random_combinations_of_continuous_features(two_waves(300), 300)]
#[case::many_students(students(2_400), 300)]
#[case::many_continuous_samples(two_waves(2_400), 300)]
#[case::huge_and_tiny_numbers(extremes(), 40)]
fn onnxruntime_gives_the_same_probabilities(#[case] datasets: Datasets, #[case] count: u64) {
    let Some(python) = python() else { return };
    let (training, samples) = datasets;
    let home = TestModel::trained(&training);
    let onnx = exported(&home);
    let dir = ScriptFiles::new(&onnx, &samples, &our_probabilities(&onnx, &samples));
    let answer = run_script(&python, "check_onnx.py", &dir.paths());
    assert_eq!(answer["samples"].as_u64(), Some(count));
}

#[test]
fn learns_a_chessboard_with_trees() {
    let model = Model::load(&TestModel::trained(&chessboard(2_400).0).onnx()).expect("our model");
    let decisions = model.metadata().decisions.join("\n");
    assert!(decisions.contains(" trees.") && !decisions.contains(" 0 trees."), "{decisions}");
}

#[test]
fn the_comparison_fails_on_a_small_difference() {
    let Some(python) = python() else { return };
    let (training, samples) = two_waves(100);
    let onnx = exported(&TestModel::trained(&training));
    let mut answers: BTreeMap<String, Vec<f64>> =
        serde_json::from_str(&our_probabilities(&onnx, &samples)).expect("answers");
    answers.values_mut().next().expect("a sample")[0] += 2e-5;
    let dir = ScriptFiles::new(&onnx, &samples, &serde_json::to_string(&answers).expect("JSON"));
    let output = script_fails(&python, "check_onnx.py", &dir.paths());
    assert!(output.contains("is expected"), "{output}");
}

#[test]
fn onnxruntime_gives_the_expected_probabilities_of_the_shipped_models() {
    let Some(python) = python() else { return };
    for model in super::shipped_models::all() {
        let read = |name| fs::read(model.join(name)).expect("a file of the model");
        let expected = String::from_utf8(read("expected.json")).expect("text");
        let files = ScriptFiles::new(
            &super::shipped_models::imported(&model).onnx(),
            &read("samples.csv"),
            &expected,
        );
        let answer = run_script(&python, "check_onnx.py", &files.paths());
        assert!(answer["samples"].as_u64() > Some(0), "{}", model.display());
    }
}
