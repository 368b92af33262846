//! Reads Moodle's analytics datasets, learns from them and writes what was learnt as ONNX models.
//!
//! [`dataset`] reads CSV bytes into samples, [`learning`] turns samples into a
//! [`learning::TrainedModel`], [`model`] writes it as an ONNX file and runs such files.
//! Pure computing: no server, no files but those handed in, no clock.

pub mod dataset;
pub mod learning;
pub mod model;
pub mod python_server_files;
pub mod text;
