//! Imports models: exports of this backend, models of other tools, and models of the Python server.
//!
//! Owns the decision which of them a set of files is. The result is always a model file of this backend, checked and
//! run once. Must not know archives or directories.

use std::collections::BTreeMap;

use super::decode::decode;
use super::error::{ModelError, refused};
use super::metadata::ModelMetadata;
use super::output_check::check_output;
use super::runner::Model;
use super::{python_server, translate};
pub use crate::python_server_files::CLASSIFIER;

/// The files of a model to import, by their names inside of the archive or directory, with `/` between the parts of
/// a name.
pub type ModelFiles = BTreeMap<String, Vec<u8>>;

/// The model file of this backend.
pub const MODEL: &str = "model.onnx";
/// The description of a model of another tool; in exports of the TensorFlow 1 releases, the model itself.
pub const MODEL_JSON: &str = "model.json";

/// The maximum size of a model file to import, in bytes.
pub const MAX_MODEL_BYTES: usize = 28 << 20;

/// Converts the files of a model to a model file of this backend, and checks its output on synthetic
/// samples.
///
/// # Errors
/// [`ModelError`] when they are no model that this backend understands and runs, or when the output is not that of
/// a classifier.
pub fn import(mut files: ModelFiles) -> Result<Vec<u8>, ModelError> {
    let model_json = files.remove(MODEL_JSON);
    let (bytes, model) = match (files.remove(MODEL), files.remove(CLASSIFIER), model_json) {
        (Some(onnx), _, model_json) => import_onnx(onnx, model_json)?,
        (None, Some(classifier), _) => load(python_server::keras_to_onnx(&classifier, files)?)?,
        (None, None, Some(model_json)) if describes_an_onnx_file(&model_json) => {
            return Err(ModelError::NoOnnx);
        }
        (None, None, Some(model_json)) => load(python_server::tensorflow1_to_onnx(model_json)?)?,
        (None, None, None) => return Err(ModelError::Unknown),
    };
    if bytes.len() > MAX_MODEL_BYTES {
        let max = MAX_MODEL_BYTES >> 20;
        return refused(format!("translated for this backend it is larger than {max} MiB, a fixed limit"));
    }
    check_output(&model)?;
    Ok(bytes)
}

/// Whether it is the description of an ONNX file, not a model of the TensorFlow 1 releases, which has neither of these keys.
fn describes_an_onnx_file(model_json: &[u8]) -> bool {
    [&b"\"features\""[..], b"\"classes\""]
        .iter()
        .any(|key| model_json.windows(key.len()).any(|window| window == *key))
}

/// A file of this backend is imported unchanged; one of another tool is translated with the help of its
/// `model.json`. Files are large, so each is dropped as soon as it is not needed.
fn import_onnx(onnx: Vec<u8>, model_json: Option<Vec<u8>>) -> Result<(Vec<u8>, Model), ModelError> {
    let proto = decode(&onnx)?;
    match (ModelMetadata::of(&proto), model_json) {
        (Ok(metadata), _) => {
            metadata.check_imported()?;
            Ok((onnx, Model::prepared(proto, metadata, usize::MAX)?))
        }
        (Err(_), Some(model_json)) => {
            drop(onnx);
            let onnx = translate::to_onnx(&proto, &model_json)?;
            drop(proto);
            load(onnx)
        }
        (Err(why), None) => Err(why),
    }
}

fn load(onnx: Vec<u8>) -> Result<(Vec<u8>, Model), ModelError> {
    Model::load(&onnx).map(|model| (onnx, model))
}
