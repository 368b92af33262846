//! Runs a model file with tract.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::Array2;
use rayon::prelude::*;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::ModelError;
use super::decode::decode;
use super::limits::said;
use super::metadata::ModelMetadata;
use super::operators::check;
use super::shape_inference::infer;
use super::to_onnx::PROBABILITIES;
use crate::dataset::Features;

/// A model file, checked and ready to run.
pub struct Model {
    facts: ModelMetadata,
    plan: Arc<TypedRunnableModel>,
}

const BATCH: usize = Model::BATCH;

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Model {
    /// Samples are run in batches of exactly this many, the last one filled up with zeros: tract
    /// optimises a graph of known shape several times better than one with a symbol in it, a batch of
    /// this size stays in the cache, and cores share the batches.
    pub(super) const BATCH: usize = 256;

    /// Reads, checks and prepares a model file.
    ///
    /// # Errors
    /// [`ModelError`] when it is not a model that this backend may run.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelError> {
        let proto = decode(bytes)?;
        let facts = ModelMetadata::of(&proto)?;
        Self::prepared(proto, facts)
    }

    /// The same of a decoded file and its facts.
    pub(super) fn prepared(proto: ModelProto, facts: ModelMetadata) -> Result<Self, ModelError> {
        check(&proto)?;
        let graph = proto.graph.as_ref().ok_or_else(|| ModelError::NotOnnx("it has no graph".to_owned()))?;
        let shape = infer(graph, BATCH, facts.features.len(), PROBABILITIES)?;
        if shape != [BATCH, facts.classes.len()] {
            return Err(ModelError::Refused("its probabilities are not one a class".to_owned()));
        }
        // What the checks foresee cannot make tract panic; what they do not must not take more with it
        // than this model.
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let plan = prepare(proto, facts.features.len()).map_err(|error| failed(&error))?;
            let model = Self { facts, plan };
            model.try_out().map(|()| model)
        }));
        tried.unwrap_or_else(|_| Err(ModelError::Run("it makes the model runner give up".to_owned())))
    }

    /// What it says about itself.
    #[must_use]
    pub fn facts(&self) -> &ModelMetadata {
        &self.facts
    }

    /// The probability of each class for each sample: rows × classes, every row within [0, 1] and
    /// summing to 1. The features are put into the model's order by their names, or taken in the order they
    /// are in when the model knows no names.
    ///
    /// # Errors
    /// [`ModelError::Features`] when they are not the model's features.
    pub fn predict(&self, features: Features) -> Result<Array2<f64>, ModelError> {
        let known = &self.facts.features;
        let features = if self.facts.named {
            features.aligned_to(known)?
        } else {
            features.by_position(known, self.facts.open_ended)?
        };
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let chunks: Vec<Vec<f32>> =
            rows.par_chunks(BATCH).map(|rows| self.run(&features, rows)).collect::<Result<_, _>>()?;
        let mut out = Array2::zeros((rows.len(), self.facts.classes.len()));
        for (out, value) in out.iter_mut().zip(chunks.into_iter().flatten()) {
            *out = f64::from(value).clamp(0.0, 1.0);
        }
        for mut row in out.outer_iter_mut() {
            let sum = row.sum();
            if sum <= 0.0 {
                return Err(ModelError::Run("it gives a sample no probability at all".to_owned()));
            }
            row /= sum;
        }
        Ok(out)
    }

    /// What the model itself answers to one batch of samples at most, given by columns.
    pub(super) fn answers_to(&self, columns: &[Vec<f32>]) -> Result<Vec<f32>, ModelError> {
        let features = Features::of_columns(self.facts.features.clone(), columns);
        let rows: Vec<u32> = (0..features.rows().min(BATCH) as u32).collect();
        self.run(&features, &rows)
    }

    /// Runs at most one batch; the answer has one probability a class for each row.
    fn run(&self, features: &Features, rows: &[u32]) -> Result<Vec<f32>, ModelError> {
        let width = features.columns().len();
        let mut raw = vec![0.0_f32; BATCH * width];
        for (at, column) in features.columns().iter().enumerate() {
            let values = column.values();
            column.for_each_code(rows, |row, code| raw[row * width + at] = values[code]);
        }
        let input = Tensor::from_shape(&[BATCH, width], &raw).map_err(|error| failed(&error))?;
        let output = self.plan.run(tvec!(input.into())).map_err(|error| failed(&error))?;
        let shape = output[0].shape();
        if shape != [BATCH, self.facts.classes.len()] {
            return Err(ModelError::Run(format!("it answers with shape {shape:?}")));
        }
        let view = output[0].to_plain_array_view::<f32>().map_err(|error| failed(&error))?;
        let values: Vec<f32> = view.iter().copied().take(rows.len() * self.facts.classes.len()).collect();
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(ModelError::Run("it answers with something that is no number".to_owned()))
        }
    }

    /// One sample of missing values and one of zeros, so that a file that cannot run is refused when
    /// it is brought and not when it is needed.
    fn try_out(&self) -> Result<(), ModelError> {
        let columns = vec![vec![f32::NAN, 0.0]; self.facts.features.len()];
        self.answers_to(&columns).map(|_| ())
    }
}

fn prepare(proto: ModelProto, width: usize) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_proto_model(&proto)?;
    // tract has copies of all tensors, and soon makes more.
    drop(proto);
    model.select_outputs_by_name([PROBABILITIES])?;
    model.set_input_fact(0, f32::fact([BATCH, width]).into())?;
    model.into_optimized()?.into_runnable()
}

fn failed(error: &TractError) -> ModelError {
    // The outermost context says what was being done; the rest is tract's internals.
    ModelError::Run(said(error))
}
