//! The external model that the demo imports: the one in `models/ours`, with samples and recorded predictions.
//!
//! Owns the model and the comparison. Must not know how it is sent.

use std::collections::HashMap;

use super::error::{DemoError, unexpected};
use super::score::Prediction;
use crate::report;

const MODEL: &[u8] = include_bytes!("../../../models/ours/model.onnx");
const EXPECTED: &str = include_str!("../../../models/ours/expected.json");

/// A prediction dataset for the model.
pub(super) const SAMPLES: &str = include_str!("../../../models/ours/samples.csv");

/// The maximum difference from a recorded probability.
const TOLERANCE: f64 = 1e-5;

/// The model as a zip, as Moodle uploads it.
pub(super) fn archive() -> Result<Vec<u8>, DemoError> {
    report::zip(&["model.onnx".to_owned()], |_| Ok(MODEL.to_vec()))
        .or_else(|error| unexpected(format!("The shipped model cannot be zipped: {error}.")))
}

/// Compares all predictions with the recorded ones, and returns their number.
pub(super) fn check(predictions: &[Prediction]) -> Result<usize, DemoError> {
    let Ok(expected) = serde_json::from_str::<HashMap<String, [f64; 2]>>(EXPECTED) else {
        return unexpected("The recorded predictions of the shipped model cannot be parsed.");
    };
    if predictions.len() != expected.len() {
        return unexpected(format!(
            "The shipped model gives {} predictions for {} samples.",
            predictions.len(),
            expected.len()
        ));
    }
    for (id, class, probability) in predictions {
        let recorded = expected.get(id).and_then(|both| both.get(class.parse::<usize>().ok()?));
        let is_close =
            |recorded: &f64| probability.parse::<f64>().is_ok_and(|got| (got - recorded).abs() <= TOLERANCE);
        if !recorded.is_some_and(is_close) {
            return unexpected(format!(
                "The shipped model predicts class {class} with probability {probability} for sample {id}, unlike recorded."
            ));
        }
    }
    Ok(predictions.len())
}
