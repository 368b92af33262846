//! The contributions of random combinations: columns f(w·z + b) of up to three inputs, with f = max(0, ·) or cos.
//!
//! The value of a coalition is the mean over the background of f(t + r), where t is the sum of the coalition's terms and
//! r that of the others'. Means of cosines follow from those of cos r and sin r, means of max(0, t + r) from the sums of
//! the sorted r. So the values are exact, and their cost does not depend on the size of the background. Must not know
//! other parts of a model.

use ndarray::Array2;

use super::shapley::Weights;
use crate::learning::basis::RandomFeatures;

/// The maximum number of inputs of a column; [`RandomFeatures`] has at most three.
const MAX_INPUTS: usize = 3;

/// Whether no column has more inputs.
pub(super) fn is_explainable(random: &RandomFeatures) -> bool {
    random
        .weights
        .columns()
        .into_iter()
        .all(|column| column.iter().filter(|&&weight| weight != 0.0).count() <= MAX_INPUTS)
}

/// All columns, with what they need of the background.
pub(super) struct RandomPart<'a> {
    columns: Vec<Column>,
    /// Derived columns × margins.
    weights: &'a Array2<f64>,
    /// By the number of inputs.
    shapley: Vec<Weights>,
}

struct Column {
    /// The inputs and their weights.
    inputs: Vec<(usize, f64)>,
    bias: f64,
    /// For each set of inputs, those of the coalition, the distribution of the others' sum.
    others: Vec<Others>,
    /// Its row among the weights.
    row: usize,
}

/// The distribution of a sum over the background.
enum Others {
    /// Ascending, and for each position the sum of those from there on.
    Sorted { values: Vec<f64>, sums: Vec<f64> },
    /// The means of their cosines and sines.
    Waves { cosine: f64, sine: f64 },
}

impl<'a> RandomPart<'a> {
    /// `first` is the row of the first column among the weights; `background` has standardised values, row by row.
    pub(super) fn new(
        random: &RandomFeatures,
        first: usize,
        weights: &'a Array2<f64>,
        background: &[f32],
    ) -> Self {
        let width = random.weights.nrows().max(1);
        let column = |at: usize| {
            let of_column = random.weights.column(at);
            let inputs = of_column.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
            let inputs: Vec<(usize, f64)> =
                inputs.map(|(input, &weight)| (input, f64::from(weight))).collect();
            let others = |set: usize| {
                let sum = |row: &[f32]| sum(&inputs, row, |player| set >> player & 1 == 0);
                let sums = background.chunks_exact(width).map(sum).collect();
                if at < random.rectified { Others::sorted(sums) } else { Others::waves(&sums) }
            };
            let others = (0..1_usize << inputs.len()).map(others).collect();
            Column { bias: f64::from(random.bias[at]), others, row: first + at, inputs }
        };
        let columns = (0..random.bias.len()).map(column).collect();
        Self { columns, weights, shapley: (0..=MAX_INPUTS).map(Weights::new).collect() }
    }

    /// Adds the contributions of a row of standardised values to `out`, inputs × margins.
    pub(super) fn add(&self, row: &[f32], out: &mut [f64]) {
        let margins = self.weights.ncols();
        let mut coalitions = [0.0; 1 << MAX_INPUTS];
        let mut values = [0.0; MAX_INPUTS];
        for column in &self.columns {
            let players = column.inputs.len();
            let coalitions = &mut coalitions[..1 << players];
            for (set, (value, others)) in coalitions.iter_mut().zip(&column.others).enumerate() {
                *value = others.mean(column.bias + sum(&column.inputs, row, |player| set >> player & 1 == 1));
            }
            self.shapley[players].values(coalitions, &mut values[..players]);
            let weights = self.weights.row(column.row);
            for (&(input, _), value) in column.inputs.iter().zip(values) {
                let out = &mut out[input * margins..][..margins];
                out.iter_mut().zip(weights).for_each(|(out, weight)| *out += weight * value);
            }
        }
    }
}

/// The sum of some inputs of a row; a missing value is the mean, zero.
fn sum(inputs: &[(usize, f64)], row: &[f32], counts: impl Fn(usize) -> bool) -> f64 {
    let counted = inputs.iter().enumerate().filter(|(player, _)| counts(*player));
    counted
        .map(|(_, &(input, weight))| if row[input].is_nan() { 0.0 } else { weight * f64::from(row[input]) })
        .sum()
}

impl Others {
    fn sorted(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let mut sums = vec![0.0; values.len() + 1];
        for (at, value) in values.iter().enumerate().rev() {
            sums[at] = sums[at + 1] + value;
        }
        Self::Sorted { values, sums }
    }

    fn waves(values: &Vec<f64>) -> Self {
        let rows = values.len().max(1) as f64;
        let mean = |wave: fn(f64) -> f64| values.iter().map(|&value| wave(value)).sum::<f64>() / rows;
        Self::Waves { cosine: mean(f64::cos), sine: mean(f64::sin) }
    }

    /// The mean of f(t + r).
    fn mean(&self, t: f64) -> f64 {
        match self {
            Self::Sorted { values, sums } => {
                let first = values.partition_point(|&value| value <= -t);
                let above = (values.len() - first) as f64;
                (above * t + sums[first]) / values.len().max(1) as f64
            }
            Self::Waves { cosine, sine } => {
                let (sin, cos) = t.sin_cos();
                cos * cosine - sin * sine
            }
        }
    }
}
