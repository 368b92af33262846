//! A model that came from elsewhere: the one that is shipped in `models/ours`,
//! with samples and the answers it must give.

use std::collections::HashMap;
use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::DemoError;
use super::score::Predicted;

const MODEL: &[u8] = include_bytes!("../../../models/ours/model.onnx");
const EXPECTED: &str = include_str!("../../../models/ours/expected.json");

/// A prediction dataset for the model.
pub(super) const SAMPLES: &str = include_str!("../../../models/ours/samples.csv");

/// How far an answer may be from the expected one.
const TOLERANCE: f64 = 1e-5;

/// The model as Moodle brings it: a zip.
pub(super) fn archive() -> Result<Vec<u8>, DemoError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let zipped = zip
        .start_file("model.onnx", SimpleFileOptions::default())
        .and_then(|()| Ok(zip.write_all(MODEL)?))
        .and_then(|()| zip.finish());
    zipped
        .map(Cursor::into_inner)
        .map_err(|error| DemoError::Surprise(format!("The shipped model cannot be zipped: {error}.")))
}

/// Fails unless every sample got the probability that is shipped with the model; says how many.
pub(super) fn check(predictions: &[Predicted]) -> Result<usize, DemoError> {
    let surprise = |text: String| Err(DemoError::Surprise(text));
    let Ok(expected) = serde_json::from_str::<HashMap<String, [f64; 2]>>(EXPECTED) else {
        return surprise("The shipped model's expected answers cannot be read.".to_owned());
    };
    if predictions.len() != expected.len() {
        return surprise(format!(
            "The shipped model answers {} samples of {}.",
            predictions.len(),
            expected.len()
        ));
    }
    for (id, class, probability) in predictions {
        let wanted = expected.get(id).and_then(|both| both.get(class.parse::<usize>().ok()?));
        let near =
            |wanted: &f64| probability.parse::<f64>().is_ok_and(|got| (got - wanted).abs() <= TOLERANCE);
        if !wanted.is_some_and(near) {
            return surprise(format!("The shipped model answers {id} with class {class} at {probability}."));
        }
    }
    Ok(predictions.len())
}
