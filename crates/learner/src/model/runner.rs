//! Runs a model file with the ONNX runtime (tract).
//!
//! Owns the order of checks before a file is run, the batches, and the conversion of samples. Must not know where
//! files come from.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::Array2;
use rayon::prelude::*;
use tract_onnx::pb::{GraphProto, ModelProto};

use super::check::check;
use super::decode::decode;
use super::error::{ModelError, refused};
use super::metadata::ModelMetadata;
use super::plans::{BATCH, Plan, Plans};
use super::shape_inference::infer;
use super::to_onnx::PROBABILITIES;
use crate::dataset::Features;

/// A model file, checked and ready to run.
pub struct Model {
    metadata: ModelMetadata,
    plans: Plans,
    bytes: usize,
}

/// The memory of a model with all its plans is this, the next for each feature, and two and a half times its file. It was
/// measured as the growth of a server's resident memory over 40 models, each used for predictions of 1, 8 and 200 samples:
/// 3 features and 3 kB took 223 kB (the estimate is 273), 40 and 540 kB took 1.52 MB (1.65), 422 and 108 kB took 0.94 (0.96).
const FIXED_BYTES: usize = 256 << 10;
const BYTES_PER_FEATURE: usize = 1 << 10;

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
        Self::load_for(bytes, BATCH)
    }

    /// The same, prepared for predictions of this many samples. The first prediction of many more or fewer takes longer;
    /// its results differ by the rounding of sums.
    ///
    /// # Errors
    /// [`ModelError`] when it is not a model that this backend runs.
    pub fn load_for(bytes: &[u8], samples: usize) -> Result<Self, ModelError> {
        let proto = decode(bytes)?;
        let metadata = ModelMetadata::of(&proto)?;
        let model = Self::prepared(proto, metadata, samples)?;
        let bytes = FIXED_BYTES + BYTES_PER_FEATURE * model.metadata.features.len() + bytes.len() * 5 / 2;
        Ok(Self { bytes, ..model })
    }

    /// Checks and prepares a decoded file with its metadata.
    pub(super) fn prepared(
        proto: ModelProto,
        metadata: ModelMetadata,
        samples: usize,
    ) -> Result<Self, ModelError> {
        check(&proto)?;
        let graph = proto.graph.as_ref().ok_or(ModelError::NoGraph)?;
        if !has_shape(graph, BATCH, &metadata)? {
            return refused("it has not one probability per class");
        }
        // A file of this backend may hold a graph of another tool, in which the size of a batch is written.
        let any_size = has_shape(graph, 1, &metadata).unwrap_or(false);
        let model = Self { plans: Plans::new(proto, metadata.features.len(), any_size)?, metadata, bytes: 0 };
        model.try_out(samples)?;
        Ok(model)
    }

    /// Runs one sample of missing values and one of zeros: a file that cannot run is refused when it is loaded, not when it
    /// is used.
    fn try_out(&self, samples: usize) -> Result<(), ModelError> {
        let plan = self.plans.for_samples(samples)?;
        let columns = vec![vec![f32::NAN, 0.0]; self.metadata.features.len()];
        let features = Features::of_columns(self.metadata.features.clone(), &columns);
        let run = || [0, 1].chunks(plan.rows).try_for_each(|rows| self.run(&plan, &features, rows).map(drop));
        catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(ModelError::Panic))
    }

    /// An estimate of the bytes that it takes in memory; 0 for a model that is being imported.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
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
        self.predict_aligned(&self.aligned(features)?)
    }

    /// The features in the model's order.
    pub(super) fn aligned(&self, features: Features) -> Result<Features, ModelError> {
        let known = &self.metadata.features;
        Ok(if self.metadata.named && self.metadata.open_ended {
            features.selected(known)?
        } else if self.metadata.named {
            features.aligned_to(known)?
        } else {
            features.by_position(known, self.metadata.open_ended)?
        })
    }

    /// The same as [`Model::predict`] for features in the model's order.
    pub(super) fn predict_aligned(&self, features: &Features) -> Result<Array2<f64>, ModelError> {
        let plan = self.plans.for_samples(features.rows())?;
        let rows: Vec<u32> = (0..features.rows() as u32).collect();
        let run = |rows: &[u32]| self.run(&plan, features, rows);
        let chunks: Vec<Vec<f32>> = if plan.rows < BATCH {
            // Handing so little work to another thread takes longer than doing it.
            rows.chunks(plan.rows).map(run).collect::<Result<_, _>>()?
        } else {
            rows.par_chunks(plan.rows).map(run).collect::<Result<_, _>>()?
        };
        let probabilities = self.probabilities(&chunks)?;
        let shape = (rows.len(), self.metadata.classes.len());
        Array2::from_shape_vec(shape, probabilities).map_err(|error| ModelError::Output(error.to_string()))
    }

    /// The probability of each class for rows of values in the model's order, row by row.
    pub(super) fn predict_rows(&self, values: &[f32]) -> Result<Vec<f64>, ModelError> {
        let width = self.metadata.features.len();
        let plan = self.plans.for_samples(values.len() / width)?;
        let run = |values: &[f32]| {
            let mut raw = values.to_vec();
            raw.resize(plan.rows * width, 0.0);
            self.run_raw(&plan, &raw, values.len() / width)
        };
        let chunks: Vec<Vec<f32>> =
            values.par_chunks(plan.rows * width).map(run).collect::<Result<_, _>>()?;
        self.probabilities(&chunks)
    }

    /// Probabilities that sum to 1 for each sample, from the outputs for batches.
    fn probabilities(&self, batches: &[Vec<f32>]) -> Result<Vec<f64>, ModelError> {
        let values = batches.iter().flatten();
        let mut out: Vec<f64> = values.map(|&value| f64::from(value).clamp(0.0, 1.0)).collect();
        for row in out.chunks_exact_mut(self.metadata.classes.len()) {
            let sum: f64 = row.iter().sum();
            if sum <= 0.0 {
                return Err(ModelError::Output("all probabilities of a sample are 0".to_owned()));
            }
            row.iter_mut().for_each(|probability| *probability /= sum);
        }
        Ok(out)
    }

    /// The output for at most [`BATCH`] samples, given by columns.
    pub(super) fn run_columns(&self, columns: &[Vec<f32>]) -> Result<Vec<f32>, ModelError> {
        let features = Features::of_columns(self.metadata.features.clone(), columns);
        let plan = self.plans.for_samples(features.rows())?;
        let rows: Vec<u32> = (0..features.rows().min(BATCH) as u32).collect();
        let chunks = rows.chunks(plan.rows).map(|rows| self.run(&plan, &features, rows));
        Ok(chunks.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Runs at most one batch; the output has one probability per class for each row.
    fn run(&self, plan: &Plan, features: &Features, rows: &[u32]) -> Result<Vec<f32>, ModelError> {
        let width = features.columns().len();
        let mut raw = vec![0.0_f32; plan.rows * width];
        for (at, column) in features.columns().iter().enumerate() {
            let values = column.values();
            column.for_each_code(rows, |row, code| raw[row * width + at] = values[code]);
        }
        self.run_raw(plan, &raw, rows.len())
    }

    /// Runs the values of one batch, of which the first `rows` rows are samples.
    fn run_raw(&self, plan: &Plan, raw: &[f32], rows: usize) -> Result<Vec<f32>, ModelError> {
        let output = plan.run(raw, self.metadata.features.len()).map_err(ModelError::Runtime)?;
        let shape = output.shape();
        if shape != [plan.rows, self.metadata.classes.len()] {
            return Err(ModelError::Output(format!("its output has the shape {shape:?}")));
        }
        let view = output.to_plain_array_view::<f32>().map_err(ModelError::Runtime)?;
        let values: Vec<f32> = view.iter().copied().take(rows * self.metadata.classes.len()).collect();
        let problem = if values.iter().any(|value| value.is_nan()) {
            "its output for some samples is not a number (NaN), as of a logarithm or a root of a negative number"
        } else if values.iter().any(|value| value.is_infinite()) {
            "its output for some samples is infinite"
        } else {
            return Ok(values);
        };
        Err(ModelError::Output(problem.to_owned()))
    }
}

/// Whether the output for this many rows has one probability per class.
fn has_shape(graph: &GraphProto, rows: usize, metadata: &ModelMetadata) -> Result<bool, ModelError> {
    let shape = infer(graph, rows, metadata.features.len(), PROBABILITIES)?;
    Ok(shape == [rows, metadata.classes.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{LabelledFile, Limits, read_labelled};
    use crate::learning::train;
    use crate::model::to_onnx;

    /// Samples of five features, whose class depends on pairs of them, so that there are linear members and trees.
    fn samples(rows: usize) -> String {
        let mut text =
            "nfeatures,targetclasses,targettype\n5,\"[0,1]\",discrete\na,b,c,d,e,target\n".to_owned();
        for row in 0..rows {
            let value = |column: usize| {
                ((row * (31 + 12 * column) + row * row * 7 + column) % 201) as f64 / 100.0 - 1.0
            };
            let cells: Vec<String> = (0..5)
                .map(|column| if (row + column) % 9 == 0 { String::new() } else { value(column).to_string() })
                .collect();
            let class = value(0) * value(1) > 0.1 || value(2) > 0.5;
            text.extend([cells.join(",").as_str(), if class { ",1\n" } else { ",0\n" }]);
        }
        text
    }

    #[test]
    fn a_prediction_does_not_depend_on_the_number_of_samples_in_the_request() {
        let text = samples(600);
        let samples = read_labelled(text.as_bytes(), &Limits::default()).and_then(LabelledFile::into_samples);
        let samples = samples.expect("valid samples");
        let onnx = to_onnx(&train(&samples).expect("trained"));
        let all = Model::load(&onnx).expect("loaded").predict(samples.features().clone()).expect("predicted");
        for count in [1_usize, 2, 4, 5, 31, 32, 33, 255, 257] {
            let rows: Vec<u32> = (0..count as u32).map(|row| row * 2 + 1).collect();
            // A new model, whose first plan is that for `count` samples, and one that has another plan already.
            for model in [Model::load_for(&onnx, count), Model::load(&onnx)] {
                let model = model.expect("loaded");
                let some = model.predict(samples.features().select(&rows)).expect("predicted");
                for (&row, probabilities) in rows.iter().zip(some.outer_iter()) {
                    for (one, other) in probabilities.iter().zip(all.row(row as usize)) {
                        assert!((one - other).abs() < 1e-6, "row {row} of {count}: {one} and {other}");
                    }
                }
            }
        }
    }
}
