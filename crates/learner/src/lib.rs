//! Reads Moodle's analytics datasets, trains classifiers on them and writes these as ONNX models.
//!
//! [`dataset`] reads CSV bytes into samples, [`learning`] turns samples into a
//! [`learning::TrainedModel`], [`model`] writes it as an ONNX file and runs such files.
//! Pure computing: no server, no file access, no clock.
//!
//! ```
//! use learner::dataset::{Limits, read_labelled, read_unlabelled};
//! use learner::learning::train;
//! use learner::model::{Model, to_onnx};
//!
//! let training = "nfeatures,targetclasses\n1,\"[0,1]\"\nclicks,dropout\n-1,1\n-0.5,1\n0.5,0\n1,0\n";
//! let samples = read_labelled(training.as_bytes(), &Limits::default())?.into_samples()?;
//! let onnx = to_onnx(&train(&samples)?);
//!
//! let fresh = "nfeatures,targetclasses\n1,\"[0,1]\"\nsampleid,clicks\n7-0,-0.75\n";
//! let fresh = read_unlabelled(fresh.as_bytes(), &Limits::default())?;
//! let probabilities = Model::load(&onnx)?.predict(fresh.features)?;
//! assert!(probabilities[[0, 1]] > 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod dataset;
pub mod learning;
pub mod model;
pub mod python_server_files;
pub mod text;
