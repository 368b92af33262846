//! Models that are brought from elsewhere: whatever made them, what comes out is
//! a model file of this backend, checked and able to run.

use std::collections::BTreeMap;

use super::decode::decode;
use super::output_check::try_out;
use super::{Model, ModelError, ModelMetadata, python_server, translate};

/// The files of a model that was brought, by their names inside of the archive or directory, with `/`
/// between the parts of a name.
pub type ModelFiles = BTreeMap<String, Vec<u8>>;

/// The model file of this backend.
pub const MODEL: &str = "model.onnx";
/// What says how to use a model, or, in exports of the TensorFlow 1 releases, the model itself.
pub const DESCRIPTION: &str = "model.json";
/// The pickle of the Python server.
pub const CLASSIFIER: &str = "classifier.pkl";

/// More bytes than a model file may have that is brought.
pub const MAX_MODEL_BYTES: usize = 28 << 20;

/// Turns the files of a model into the bytes of a model file of this backend, and tries it out.
///
/// # Errors
/// [`ModelError`] when they are no model that this backend understands or may run, or when its answers are
/// not those of a classifier.
pub fn import(mut files: ModelFiles) -> Result<Vec<u8>, ModelError> {
    let description = files.remove(DESCRIPTION);
    let (bytes, model) = match (files.remove(MODEL), files.remove(CLASSIFIER), description) {
        (Some(onnx), _, description) => onnx_file(onnx, description)?,
        (None, Some(classifier), _) => translated(python_server::keras_to_onnx(&classifier, files)?)?,
        (None, None, Some(description)) => translated(python_server::tensorflow1_to_onnx(description)?)?,
        (None, None, None) => return Err(ModelError::Unknown),
    };
    if bytes.len() > MAX_MODEL_BYTES {
        let most = MAX_MODEL_BYTES >> 20;
        return Err(ModelError::Refused(format!(
            "as a model of this backend it is larger than {most} MiB, a fixed limit"
        )));
    }
    try_out(&model)?;
    Ok(bytes)
}

/// A file of this backend is taken as it is; one of another tool is translated with the help of its
/// description. What is not needed any more goes at once: files are large.
fn onnx_file(onnx: Vec<u8>, description: Option<Vec<u8>>) -> Result<(Vec<u8>, Model), ModelError> {
    let proto = decode(&onnx)?;
    match (ModelMetadata::of(&proto), description) {
        (Ok(facts), _) => {
            facts.check_brought()?;
            Ok((onnx, Model::prepared(proto, facts)?))
        }
        (Err(_), Some(description)) => {
            drop(onnx);
            let onnx = translate::to_onnx(&proto, &description)?;
            drop(proto);
            translated(onnx)
        }
        (Err(why), None) => Err(why),
    }
}

fn translated(onnx: Vec<u8>) -> Result<(Vec<u8>, Model), ModelError> {
    let model = Model::load(&onnx)?;
    Ok((onnx, model))
}
