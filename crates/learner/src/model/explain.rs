//! Explains the predictions of a model file: exactly if it is one of this backend's own models, otherwise by sampling.
//!
//! Owns this choice and the limits of sampling. Must not know where samples come from.

use ndarray::Array2;

use super::decode::decode;
use super::error::ModelError;
use super::from_onnx::from_onnx;
use super::metadata::ModelMetadata;
use super::plans::BATCH;
use super::runner::Model;
use crate::dataset::{Class, Features};
use crate::learning::{Contributions, Sampling, TrainedModel};

/// The explanations of some samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanations {
    /// The names of the features that contributions refer to.
    pub features: Vec<String>,
    /// The classes of the model.
    pub classes: Vec<Class>,
    /// The predicted probabilities: samples × classes.
    pub probabilities: Array2<f64>,
    /// The contributions to the log-odds or log-probabilities.
    pub contributions: Contributions,
}

/// Why predictions cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The model or the samples cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Sampling would take too long.
    #[error(
        "the contributions to this model, which was made by another tool, are estimated by sampling, which is limited to \
         {max} samples with this number of features; the dataset has {samples}"
    )]
    TooManySamples {
        /// The samples of the dataset.
        samples: usize,
        /// The most that can be explained at once.
        max: usize,
    },
}

/// Sampling runs a model on at most this many rows,
const MAX_ROWS: usize = 8_000_000;
/// and on fewer if its file is large: the time for a row grows with the file. Measured on an MLP of 540 kB and 40 features,
/// a row takes about 70 µs, so that all take about a minute.
const MAX_BYTES_OF_ROWS: usize = 400_000_000_000;

/// The largest difference of a probability, relative to it, at which a model read back from a file counts as the same:
/// sums in single precision differ by less.
const TOLERANCE: f64 = 1e-3;
/// Below it, differences do not count.
const SMALLEST: f64 = 1e-6;

/// Explains the predictions of `samples` by a model file, compared with `background`; the `top` largest contributions of
/// each output one by one.
///
/// # Errors
/// [`ExplainError`] when it is no usable model, the features are not the model's, or there are too many samples to explain a
/// model of another tool.
pub fn explain(
    onnx: &[u8],
    samples: Features,
    background: Features,
    top: usize,
) -> Result<Explanations, ExplainError> {
    let proto = decode(onnx)?;
    let metadata = ModelMetadata::of(&proto)?;
    let trained = from_onnx(&proto, &metadata).filter(TrainedModel::is_explainable);
    let model = Model::prepared(proto, metadata, BATCH)?;
    let names = if model.metadata().named { None } else { Some(samples.names().to_vec()) };
    let (samples, background) = (model.aligned(samples)?, model.aligned(background)?);
    let probabilities = model.predict_aligned(&samples)?;
    let trained = match trained {
        Some(trained)
            if is_same(&trained, &samples, &probabilities)
                && is_same(&trained, &background, &model.predict_aligned(&background)?) =>
        {
            Some(trained)
        }
        _ => None,
    };
    let contributions = match trained {
        Some(trained) => trained.explain(&samples, &background, top),
        None => sampled(&model, onnx.len(), &samples, &background, top)?,
    };
    let mut features = names.unwrap_or_else(|| model.metadata().features.clone());
    features.truncate(model.metadata().features.len());
    Ok(Explanations { features, classes: model.metadata().classes.clone(), probabilities, contributions })
}

fn is_same(trained: &TrainedModel, samples: &Features, expected: &Array2<f64>) -> bool {
    let rows: Vec<u32> = (0..samples.rows() as u32).collect();
    let found = trained.probabilities(samples, &rows);
    let equal = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE * b.abs() + SMALLEST;
    found.iter().zip(expected).all(equal)
}

fn sampled(
    model: &Model,
    bytes: usize,
    samples: &Features,
    background: &Features,
    top: usize,
) -> Result<Contributions, ExplainError> {
    let rows = MAX_ROWS.min(MAX_BYTES_OF_ROWS / bytes.max(1));
    let sampling = Sampling::new(samples.rows(), samples.columns().len(), rows)
        .map_err(|max| ExplainError::TooManySamples { samples: samples.rows(), max })?;
    let classes = model.metadata().classes.len();
    Ok(sampling.explain(samples, background, classes, top, |rows| model.predict_rows(rows))?)
}
