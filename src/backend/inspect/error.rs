//! Why a file or directory cannot be identified.
//!
//! Owns the sentences for the terminal. Must not know how the kinds are distinguished.

use std::io;

use crate::dataset::DatasetError;
use crate::store::StoreError;

/// Why a file or directory cannot be identified.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message describes it")]
pub enum InspectError {
    #[error("It cannot be opened: {0}.")]
    Open(#[source] io::Error),
    #[error("It cannot be listed: {0}.")]
    List(#[source] io::Error),
    #[error("It cannot be read: {0}.")]
    Read(#[from] io::Error),
    #[error("It cannot be read: {0}.")]
    Store(#[source] StoreError),
    #[error("The file is empty.")]
    Empty,
    #[error(
        "This is a Python pickle, which is never executed. The classifier.pkl of the Python server needs the files \
         beside it: inspect its directory, or the export that contains it."
    )]
    Pickle,
    #[error(
        "This is neither an ONNX file, nor an export, nor a dataset of Moodle. As a dataset it has this problem: {0}."
    )]
    UnknownFile(#[source] DatasetError),
    #[error(
        "This directory holds no model: neither the files of an export (model.onnx), nor classifier/ as a model's \
         directory does, nor UNIQUEID/DIRHASH/classifier/ as a server's data directory does."
    )]
    NoModel,
}
