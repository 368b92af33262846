//! Trees as they answer.

use ndarray::Array2;

use crate::dataset::Features;
use crate::learning::preprocessing::Input;

/// A symmetric tree: on every level the same question is asked, whatever was answered before. The
/// answers, no as 0 and yes as 1, are the digits of the number of a leaf, the first question's the
/// highest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub questions: Vec<Question>,
    /// 2^questions values, added to the margin.
    pub leaves: Vec<f32>,
    /// Which margin it adds to.
    pub margin: usize,
}

/// Is the standardised value above the threshold?
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Question {
    /// Which input is asked about.
    pub input: usize,
    pub threshold: f32,
    /// Whether the answer is yes where the value is missing.
    pub yes_if_missing: bool,
}

/// The sum of some trees with equally many questions.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Forest {
    /// How many questions each tree asks.
    pub depth: usize,
    pub trees: Vec<Tree>,
}

impl Forest {
    /// Adds each row's margins to `out`, rows × margins.
    pub(crate) fn add_margins(
        &self,
        inputs: &[Input],
        features: &Features,
        rows: &[u32],
        out: &mut Array2<f64>,
    ) {
        if self.trees.is_empty() {
            return;
        }
        // Row-major, NaN where missing: a tree asks about different inputs of one row.
        let width = inputs.len();
        let mut values = vec![0.0_f32; rows.len() * width];
        for (at, input) in inputs.iter().enumerate() {
            let column = &features.columns()[input.feature];
            let standardised = |&value: &f32| if value.is_nan() { value } else { input.standardised(value) };
            let table: Vec<f32> = column.values().iter().map(standardised).collect();
            column.for_each_code(rows, |row, code| values[row * width + at] = table[code]);
        }
        for (row, mut out) in values.chunks_exact(width).zip(out.outer_iter_mut()) {
            for tree in &self.trees {
                out[tree.margin] += f64::from(tree.answer(row));
            }
        }
    }

    /// Multiplies what every tree says.
    pub(crate) fn scaled(mut self, factor: f64) -> Self {
        for leaf in self.trees.iter_mut().flat_map(|tree| &mut tree.leaves) {
            *leaf = (f64::from(*leaf) * factor) as f32;
        }
        self
    }
}

impl Tree {
    fn answer(&self, row: &[f32]) -> f32 {
        let leaf = self.questions.iter().fold(0, |leaf, question| {
            let value = row[question.input];
            let yes = if value.is_nan() { question.yes_if_missing } else { value > question.threshold };
            2 * leaf + usize::from(yes)
        });
        self.leaves[leaf]
    }
}
