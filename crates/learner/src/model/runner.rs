//! Runs a model file with the ONNX runtime (tract).
//!
//! Owns the order of checks before a file is run, the batches, and the conversion of samples. Must not know where
//! files come from.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::Array2;
use rayon::prelude::*;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::check::check;
use super::decode::decode;
use super::error::{ModelError, refused};
use super::metadata::ModelMetadata;
use super::shape_inference::infer;
use super::to_onnx::PROBABILITIES;
use super::tree_ensemble;
use crate::dataset::Features;

/// A model file, checked and ready to run.
pub struct Model {
    metadata: ModelMetadata,
    plan: Arc<TypedRunnableModel>,
}

/// The size of every batch; the last one is padded with zeros. tract optimises a graph of known shape several
/// times better than one with a symbol in it, a batch of this size stays in the cache, and the batches are
/// spread over the cores.
pub(super) const BATCH: usize = 256;

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads, checks and prepares a model file.
    ///
    /// # Errors
    /// [`ModelError`] when it is not a model that this backend runs.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelError> {
        let proto = decode(bytes)?;
        let metadata = ModelMetadata::of(&proto)?;
        Self::prepared(proto, metadata)
    }

    /// Checks and prepares a decoded file with its metadata.
    pub(super) fn prepared(proto: ModelProto, metadata: ModelMetadata) -> Result<Self, ModelError> {
        check(&proto)?;
        let graph = proto.graph.as_ref().ok_or(ModelError::NoGraph)?;
        let shape = infer(graph, BATCH, metadata.features.len(), PROBABILITIES)?;
        if shape != [BATCH, metadata.classes.len()] {
            return refused("it has not one probability per class");
        }
        // A graph that passed the checks should not make tract panic. If one does, only this model fails.
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            let plan = prepare(proto, metadata.features.len()).map_err(ModelError::Runtime)?;
            let model = Self { metadata, plan };
            // One sample of missing values and one of zeros: a file that cannot run is refused when it is loaded, not
            // when it is used.
            model.run_columns(&vec![vec![f32::NAN, 0.0]; model.metadata.features.len()])?;
            Ok(model)
        }));
        loaded.unwrap_or(Err(ModelError::Panic))
    }

    /// The metadata of the file.
    #[must_use]
    pub fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    /// The probability of each class for each sample: rows × classes, every row within [0, 1] and
    /// summing to 1. The features are put into the model's order by their names, or used in their own order when
    /// the model has no names.
    ///
    /// # Errors
    /// [`ModelError::Features`] when they are not the model's features.
    pub fn predict(&self, features: Features) -> Result<Array2<f64>, ModelError> {
        let known = &self.metadata.features;
        let features = if self.metadata.named {
            features.aligned_to(known)?
        } else {
            features.by_position(known, self.metadata.open_ended)?
        };
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let chunks: Vec<Vec<f32>> =
            rows.par_chunks(BATCH).map(|rows| self.run(&features, rows)).collect::<Result<_, _>>()?;
        let mut out = Array2::zeros((rows.len(), self.metadata.classes.len()));
        for (out, value) in out.iter_mut().zip(chunks.into_iter().flatten()) {
            *out = f64::from(value).clamp(0.0, 1.0);
        }
        for mut row in out.outer_iter_mut() {
            let sum = row.sum();
            if sum <= 0.0 {
                return Err(ModelError::Output("all probabilities of a sample are 0".to_owned()));
            }
            row /= sum;
        }
        Ok(out)
    }

    /// The output for at most one batch of samples, given by columns.
    pub(super) fn run_columns(&self, columns: &[Vec<f32>]) -> Result<Vec<f32>, ModelError> {
        let features = Features::of_columns(self.metadata.features.clone(), columns);
        let rows: Vec<u32> = (0..features.rows().min(BATCH) as u32).collect();
        self.run(&features, &rows)
    }

    /// Runs at most one batch; the output has one probability per class for each row.
    fn run(&self, features: &Features, rows: &[u32]) -> Result<Vec<f32>, ModelError> {
        let width = features.columns().len();
        let mut raw = vec![0.0_f32; BATCH * width];
        for (at, column) in features.columns().iter().enumerate() {
            let values = column.values();
            column.for_each_code(rows, |row, code| raw[row * width + at] = values[code]);
        }
        let input = Tensor::from_shape(&[BATCH, width], &raw).map_err(ModelError::Runtime)?;
        let output = self.plan.run(tvec!(input.into())).map_err(ModelError::Runtime)?;
        let shape = output[0].shape();
        if shape != [BATCH, self.metadata.classes.len()] {
            return Err(ModelError::Output(format!("its output has the shape {shape:?}")));
        }
        let view = output[0].to_plain_array_view::<f32>().map_err(ModelError::Runtime)?;
        let values: Vec<f32> = view.iter().copied().take(rows.len() * self.metadata.classes.len()).collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(ModelError::Output("its output holds a value that is not finite".to_owned()))
        }
    }
}

fn prepare(proto: ModelProto, width: usize) -> TractResult<Arc<TypedRunnableModel>> {
    let mut onnx = tract_onnx::onnx();
    tree_ensemble::register(&mut onnx);
    let mut model = onnx.model_for_proto_model(&proto)?;
    // tract has copied all tensors, and makes more copies below.
    drop(proto);
    model.select_outputs_by_name([PROBABILITIES])?;
    model.set_input_fact(0, f32::fact([BATCH, width]).into())?;
    model.into_optimized()?.into_runnable()
}
