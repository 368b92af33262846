//! Models that the Python server stored and exported, read as data: nothing in them is ever called.
//!
//! Owns the formats of that server's files: a pickle with the used columns, a TensorFlow checkpoint with the weights,
//! Keras' description of the layers, and the JSON of its old releases. Every reader expects untrusted bytes, and takes
//! no more memory than a few times their size. Must not know where files are kept.
//!
//! ```text
//! classifier.pkl ──────────────► classifier ─┐
//! model.ckpt/keras_metadata.pb ► keras ──────┼─► network ─► ONNX
//! model.ckpt/variables/… ──────► checkpoint ─┘      ▲
//! model.json ──────────────────► tensorflow1 ───────┘
//! ```

mod bytes;
mod checkpoint;
mod classifier;
mod keras;
mod network;
mod pickle;
mod table;
mod tensorflow1;
mod value;

use std::collections::BTreeMap;

use super::error::ModelError;
use crate::python_server_files::{CLASSIFIER, KERAS_METADATA, TENSORFLOW1_INDEX, VARIABLES, VARIABLES_INDEX};
use classifier::Classifier;
use network::{Layer, Network};

/// The model of an export of the TensorFlow 1 releases.
const MODEL_JSON: &str = "model.json";

/// The maximum size of the pickle, the index and the description of the layers, in bytes; real ones have less than
/// 20,000.
const MAX_SMALL_BYTES: usize = 1 << 20;

/// A model file of this backend from a pickle and the Keras checkpoint beside it.
pub(super) fn keras_to_onnx(
    classifier: &[u8],
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, ModelError> {
    let network = keras_network(classifier, &files)?;
    drop(files);
    Ok(network.to_onnx())
}

fn keras_network(classifier: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<Network, ModelError> {
    let missing = |name: &'static str| unusable(name, "the file is missing".to_owned());
    let file = |name: &'static str| files.get(name).ok_or_else(|| missing(name));
    let small = |name: &'static str, bytes: &[u8]| match bytes.len() {
        0..=MAX_SMALL_BYTES => Ok(()),
        _ => Err(unusable(name, format!("it is larger than {} MiB, a fixed limit", MAX_SMALL_BYTES >> 20))),
    };
    if files.contains_key(TENSORFLOW1_INDEX) && !files.contains_key(VARIABLES_INDEX) {
        return Err(ModelError::TensorFlow1);
    }
    small(CLASSIFIER, classifier)?;
    let classifier = Classifier::read(classifier).map_err(|why| unusable(CLASSIFIER, why))?;

    let index = file(VARIABLES_INDEX)?;
    small(VARIABLES_INDEX, index)?;
    let entries = checkpoint::locate(index).map_err(|why| unusable(VARIABLES_INDEX, why))?;
    let tensors = checkpoint::read(&entries, file(VARIABLES)?).map_err(|why| unusable(VARIABLES, why))?;

    let activations = match files.get(KERAS_METADATA) {
        Some(bytes) => {
            small(KERAS_METADATA, bytes)?;
            keras::activations(bytes).map_err(|why| unusable(KERAS_METADATA, why))?
        }
        None => keras::default_activations(tensors.len()),
    };
    let layers = Layer::chain(tensors, activations).map_err(|why| unusable(VARIABLES_INDEX, why))?;
    Network::of_classifier(classifier, layers).map_err(|why| unusable(CLASSIFIER, why))
}

/// A model file of this backend from the `model.json` of an export of the TensorFlow 1 releases.
pub(super) fn tensorflow1_to_onnx(model_json: Vec<u8>) -> Result<Vec<u8>, ModelError> {
    let network = tensorflow1::read(&model_json).map_err(|why| unusable(MODEL_JSON, why))?;
    drop(model_json);
    Ok(network.to_onnx())
}

fn unusable(file: &'static str, why: String) -> ModelError {
    ModelError::Python { file, why }
}
