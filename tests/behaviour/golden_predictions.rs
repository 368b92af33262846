//! The same samples give the same model: probabilities of small models, compared with committed ones.
//!
//! Owns datasets that exercise every candidate learner (see `learning/search_space.rs`), and the comparison with
//! `tests/golden/predictions.json`. A change of a seed, of a default or of the order of operations fails here, on
//! every clone and without a second binary. (`benches/python/same_models.py` compares two binaries bit by bit.)
//!
//! To change the models deliberately, write the file anew, review the difference, and give the reason in the commit:
//!
//! ```sh
//! UPDATE_GOLDEN=1 cargo test --test behaviour golden_predictions::
//! ```

use std::collections::BTreeMap;
use std::fs;

use moodle_mlbackend::dataset::{Labelled, Limits, read_labelled};
use moodle_mlbackend::learning::train;
use moodle_mlbackend::model::{Model, to_onnx};
use rstest::rstest;

use crate::common::{Dice, Table};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/predictions.json");

/// The maximum difference of a probability from the committed one: matrix kernels differ between processors in the last
/// bits.
const TOLERANCE: f64 = 1e-6;

/// The number of samples that each model predicts.
const PREDICTED: usize = 12;

/// The shape of a generated dataset.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    columns: usize,
    classes: usize,
    /// Distinct values of a column.
    levels: usize,
    /// The probability that a cell is missing.
    missing: f64,
}

/// Samples whose class depends on a sum, a product and noise, in whole numbers and products only: the same on
/// every machine.
fn generated(shape: Shape, seed: u64) -> Labelled {
    let mut dice = Dice::new(seed);
    let names: Vec<String> = (0..shape.columns).map(|at| format!("f{at}")).collect();
    let labels: Vec<String> = (0..shape.classes).map(|class| class.to_string()).collect();
    let mut table = Table { names, classes: labels, rows: Vec::new(), targets: Vec::new() };
    for row in 0..shape.rows {
        let cells: Vec<f64> = (0..shape.columns)
            .map(|_| 2.0 * dice.below(shape.levels) as f64 / (shape.levels - 1) as f64 - 1.0)
            .collect();
        let score = cells[0] - 0.5 * cells[1] + 1.5 * cells[0] * cells[2] + dice.between(-0.5, 0.5);
        let class = (((score + 1.5) / 3.0 * shape.classes as f64).max(0.0) as usize).min(shape.classes - 1);
        // Every class occurs at least twice.
        let class = if row < 2 * shape.classes { row % shape.classes } else { class };
        let cells: Vec<f32> = cells
            .iter()
            .map(|&cell| if dice.chance(shape.missing) { f32::NAN } else { cell as f32 })
            .collect();
        table.push(&cells, class);
    }
    let file = read_labelled(&table.labelled()[..], &Limits::default()).expect("a valid dataset");
    file.into_samples().expect("targets that the header lists")
}

/// Trains on samples of a shape and predicts others of the same shape: a row of probabilities for each.
fn predicted(shape: Shape) -> Vec<Vec<f64>> {
    let model = train(&generated(shape, 1)).expect("a sample of every class");
    let fresh = generated(Shape { rows: PREDICTED.max(2 * shape.classes), ..shape }, 2);
    let rows: Vec<u32> = (0..PREDICTED as u32).collect();
    let probabilities = model.probabilities(fresh.features(), &rows);
    let onnx = Model::load(&to_onnx(&model)).expect("our model").predict(fresh.features().clone());
    for (ours, of_file) in probabilities.outer_iter().zip(onnx.expect("probabilities").outer_iter()) {
        let difference = ours.iter().zip(of_file).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(difference < 1e-5, "the ONNX file predicts {of_file}, the model in memory {ours}");
    }
    probabilities.outer_iter().map(|row| row.to_vec()).collect()
}

#[rstest]
#[case::few_rows("few rows", Shape { rows: 30, columns: 4, classes: 2, levels: 21, missing: 0.0 })]
#[case::random_features("random features", Shape { rows: 250, columns: 4, classes: 2, levels: 201, missing: 0.0 })]
#[case::trees("trees", Shape { rows: 900, columns: 8, classes: 2, levels: 41, missing: 0.0 })]
#[case::deeper_trees("deeper trees", Shape { rows: 2_200, columns: 6, classes: 2, levels: 21, missing: 0.0 })]
#[case::three_classes("three classes", Shape { rows: 500, columns: 5, classes: 3, levels: 21, missing: 0.0 })]
#[case::many_classes("many classes", Shape { rows: 700, columns: 5, classes: 7, levels: 21, missing: 0.1 })]
#[case::missing_values("missing values", Shape { rows: 600, columns: 8, classes: 2, levels: 5, missing: 0.4 })]
fn predicts_the_committed_probabilities(#[case] name: &str, #[case] shape: Shape) {
    let ours = predicted(shape);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return update(name, &ours);
    }
    let committed = committed();
    let expected = committed.get(name).unwrap_or_else(|| panic!("{GOLDEN} has no entry {name:?}"));
    assert_eq!(ours.len(), expected.len(), "{name}: samples");
    let distance = |(a, b): (&Vec<f64>, &Vec<f64>)| {
        assert_eq!(a.len(), b.len(), "{name}: classes");
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let largest = ours.iter().zip(expected).map(distance).fold(0.0, f64::max);
    assert!(
        largest <= TOLERANCE,
        "{name}: a probability differs by {largest:.1e} from the committed one (at most {TOLERANCE:.0e} is allowed): the \
         same samples now give another model. If that is intended, give the reason in the commit and write the file anew: \
         UPDATE_GOLDEN=1 cargo test --test behaviour golden_predictions::"
    );
}

fn committed() -> BTreeMap<String, Vec<Vec<f64>>> {
    let text = fs::read_to_string(GOLDEN).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("JSON: a list of rows of probabilities for each model")
}

/// Replaces one entry of the committed file; one model at a time, since tests run side by side.
#[expect(clippy::disallowed_methods, reason = "a file of this repository, written on request")]
fn update(name: &str, probabilities: &[Vec<f64>]) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().expect("no other update panicked");
    let mut all = committed();
    all.insert(name.to_owned(), probabilities.to_vec());
    let models: Vec<String> = all
        .iter()
        .map(|(name, rows)| {
            let rows: Vec<String> = rows.iter().map(|row| format!("    {row:?}")).collect();
            format!("  {name:?}: [\n{}\n  ]", rows.join(",\n"))
        })
        .collect();
    fs::write(GOLDEN, format!("{{\n{}\n}}\n", models.join(",\n"))).expect("writable");
}
