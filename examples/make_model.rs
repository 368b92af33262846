//! Trains the model that ships in `models/ours`: students at risk, trained on a generated campus.
//!
//! ```sh
//! cargo run --example make_model            # into models/ours
//! cargo run --example make_model -- DIR     # somewhere else
//! ```
//!
//! Writes `model.onnx`, `samples.csv` (a prediction dataset as Moodle sends it) and `expected.json`
//! (the probabilities of both classes for each sample id). The same version of the program always
//! makes the same files.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use moodle_mlbackend::cli::demo::students::Campus;
use moodle_mlbackend::dataset::{Limits, read_labelled, read_unlabelled};
use moodle_mlbackend::learning::train;
use moodle_mlbackend::model::{Model, to_onnx};

const SEED: u64 = 20;
const TRAINING_SAMPLES: usize = 1_500;
const PREDICTED_SAMPLES: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ours");
    let directory = std::env::args_os().nth(1).map_or(ours, PathBuf::from);
    std::fs::create_dir_all(&directory)?;

    let limits = Limits::default();
    let campus = Campus::new(SEED);
    let training = campus.training_csv(0, TRAINING_SAMPLES);
    let samples = read_labelled(training.as_bytes(), &limits)?.into_samples()?;
    // As in the backend: the order of the samples in the file must not matter.
    let model = to_onnx(&train(&samples.canonical(usize::MAX))?);

    let unlabelled = campus.cohort(0, PREDICTED_SAMPLES).csv;
    let samples = read_unlabelled(unlabelled.as_bytes(), &limits)?;
    let probabilities = Model::load(&model)?.predict(samples.features)?;
    let expected: BTreeMap<&String, Vec<f64>> =
        samples.ids.iter().zip(probabilities.outer_iter()).map(|(id, row)| (id, row.to_vec())).collect();
    let line = |(id, row)| Ok(format!("  {}: {}", serde_json::to_string(id)?, serde_json::to_string(row)?));
    let lines: Vec<String> = expected.iter().map(line).collect::<serde_json::Result<_>>()?;
    let expected = format!("{{\n{}\n}}\n", lines.join(",\n"));

    write(&directory.join("model.onnx"), &model)?;
    write(&directory.join("samples.csv"), unlabelled.as_bytes())?;
    write(&directory.join("expected.json"), expected.as_bytes())?;
    println!("{} bytes of model, {PREDICTED_SAMPLES} samples: {}", model.len(), directory.display());
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "no other process reads these files")]
    let mut file = File::create(path)?;
    file.write_all(bytes)
}
