//! The optimised plans of a model: one for each size of batch, made when it is first needed.
//!
//! tract optimises a graph of known shape several times better than one with a symbol in it, so each plan has a fixed
//! number of rows, and the last batch is padded with zeros. Padding one sample to a large batch would cost 30 to 100 times
//! the arithmetic. Must not know what the rows are.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::error::ModelError;
use super::to_onnx::PROBABILITIES;
use super::tree_ensemble;

/// The size of batches of many samples, which stay in the cache and are spread over the cores.
pub(super) const BATCH: usize = 256;

/// The sizes of batches, ascending, each with the maximum number of samples for which it is chosen. Up to four single rows
/// take less time than 32; a plan for eight would save less than making it costs.
const SIZES: [(usize, usize); 4] = [(1, 4), (32, 32), (64, 64), (BATCH, usize::MAX)];

/// A plan for batches of one size.
pub(super) struct Plan {
    /// The number of rows of input and output.
    pub(super) rows: usize,
    runnable: Arc<TypedRunnableModel>,
}

/// The plans of one model.
pub(super) struct Plans {
    graph: InferenceModel,
    width: usize,
    /// Whether the graph computes one row as it computes many.
    any_size: bool,
    made: [OnceLock<Arc<Plan>>; SIZES.len()],
}

impl Plans {
    /// Reads a graph that has passed all checks. Without `any_size`, all batches have [`BATCH`] rows.
    pub(super) fn new(proto: ModelProto, width: usize, any_size: bool) -> Result<Self, ModelError> {
        let graph = caught(|| {
            let mut onnx = tract_onnx::onnx();
            tree_ensemble::register(&mut onnx);
            let mut graph = onnx.model_for_proto_model(&proto)?;
            // tract has copied all tensors.
            drop(proto);
            graph.select_outputs_by_name([PROBABILITIES])?;
            Ok(graph)
        })?;
        Ok(Self { graph, width, any_size, made: Default::default() })
    }

    /// The plan for this number of samples.
    pub(super) fn for_samples(&self, samples: usize) -> Result<Arc<Plan>, ModelError> {
        let fits = SIZES.iter().position(|&(_, max)| self.any_size && samples <= max);
        let chosen = fits.unwrap_or(SIZES.len() - 1);
        if let Some(plan) = self.made[chosen].get() {
            return Ok(Arc::clone(plan));
        }
        // Two threads may make the same plan; one of them is kept.
        let plan = Arc::new(self.make(SIZES[chosen].0)?);
        Ok(Arc::clone(self.made[chosen].get_or_init(|| plan)))
    }

    fn make(&self, rows: usize) -> Result<Plan, ModelError> {
        let runnable = caught(|| {
            let mut graph = self.graph.clone();
            graph.set_input_fact(0, f32::fact([rows, self.width]).into())?;
            graph.into_optimized()?.into_runnable()
        })?;
        Ok(Plan { rows, runnable })
    }
}

impl Plan {
    /// The output for the values of `self.rows` rows, row by row.
    pub(super) fn run(&self, values: &[f32], width: usize) -> TractResult<TValue> {
        let input = Tensor::from_shape(&[self.rows, width], values)?;
        let mut outputs = self.runnable.run(tvec!(input.into()))?;
        Ok(outputs.remove(0))
    }
}

/// A graph that passed the checks should not make tract panic. If one does, only this model fails.
fn caught<T>(make: impl FnOnce() -> TractResult<T>) -> Result<T, ModelError> {
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(made) => made.map_err(ModelError::Runtime),
        Err(_) => Err(ModelError::Panic),
    }
}
