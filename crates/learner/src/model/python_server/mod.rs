//! What the Python server stored and exported, read as data: nothing in it is ever called.
//!
//! Owns the formats of that server's files: a pickle that says which columns count, a TensorFlow
//! checkpoint with the weights, Keras' description of the layers, and the JSON of its old releases. Every
//! reader takes bytes that may come from anywhere, and takes no more memory than a few times their size.
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

use super::{CLASSIFIER, DESCRIPTION, ModelError, ModelFiles};
use classifier::Classifier;
use network::{Layer, Network};

/// What Keras tells of the layers. Absent where TensorFlow was older than 2.5.
const METADATA: &str = "model.ckpt/keras_metadata.pb";
/// Where each weight is.
const INDEX: &str = "model.ckpt/variables/variables.index";
/// The weights.
const DATA: &str = "model.ckpt/variables/variables.data-00000-of-00001";

/// What the releases with TensorFlow 1 wrote in their place: nothing of it is read.
const TENSORFLOW1_INDEX: &str = "model.ckpt.index";

/// More bytes than the two descriptions ever have; the real ones take less than 20,000.
const MAX_DESCRIPTION: usize = 1 << 20;

/// A model file of this backend from a pickle and the Keras checkpoint beside it.
pub(super) fn keras_to_onnx(classifier: &[u8], files: ModelFiles) -> Result<Vec<u8>, ModelError> {
    let network = keras_network(classifier, &files)?;
    drop(files);
    Ok(network.to_onnx())
}

fn keras_network(classifier: &[u8], files: &ModelFiles) -> Result<Network, ModelError> {
    let part = |name: &'static str| match files.get(name) {
        Some(bytes) => Ok(bytes.as_slice()),
        None => Err(unusable(name, "it is not there".to_owned())),
    };
    let small = |name: &'static str, bytes: &[u8]| match bytes.len() {
        0..=MAX_DESCRIPTION => Ok(()),
        _ => Err(unusable(name, "it is larger than any of its kind".to_owned())),
    };
    if files.contains_key(TENSORFLOW1_INDEX) && !files.contains_key(INDEX) {
        return Err(ModelError::TensorFlow1);
    }
    small(CLASSIFIER, classifier)?;
    let classifier = Classifier::read(classifier).map_err(|why| unusable(CLASSIFIER, why))?;

    let index = part(INDEX)?;
    small(INDEX, index)?;
    let wanted = checkpoint::locate(index).map_err(|why| unusable(INDEX, why))?;
    let tensors = checkpoint::read(&wanted, part(DATA)?).map_err(|why| unusable(DATA, why))?;

    let activations = match files.get(METADATA) {
        Some(bytes) => {
            small(METADATA, bytes)?;
            keras::activations(bytes).map_err(|why| unusable(METADATA, why))?
        }
        None => keras::usual_activations(tensors.len()),
    };
    let layers = Layer::chain(tensors, activations).map_err(|why| unusable(INDEX, why))?;
    Network::of_classifier(classifier, layers).map_err(|why| unusable(CLASSIFIER, why))
}

/// A model file of this backend from the `model.json` of an export of the TensorFlow 1 releases.
pub(super) fn tensorflow1_to_onnx(description: Vec<u8>) -> Result<Vec<u8>, ModelError> {
    let network = tensorflow1::read(&description).map_err(|why| unusable(DESCRIPTION, why))?;
    drop(description);
    Ok(network.to_onnx())
}

fn unusable(file: &'static str, why: String) -> ModelError {
    ModelError::Python { file, why }
}
