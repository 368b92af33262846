//! The share of each feature in a model, computed from the model alone.
//!
//! It is not called importance in what users read: reports measure that on test samples ([`super::permutation`]). Here
//! no sample is predicted: the model stores how often each value of a feature occurred. The share of a feature is
//! the standard deviation of its part of a margin over the training samples, with these simplifications: features are
//! independent of each other; a random feature counts for each of its inputs by the share of its weights; a split of a
//! tree counts by the difference between the leaves that differ in this split alone, and by the share of samples that
//! reach them. Importance is not causation, and of two features with the same information it may name only one. Must not
//! know how the model was trained.

use super::preprocessing::Input;
use super::trained_model::TrainedModel;
use super::trees::{Forest, TreeSplit};

/// The maximum number of features in the list.
const MAX_FEATURES: usize = 20;

impl TrainedModel {
    /// The features with the largest shares in the model, largest first; all shares sum to 1. Features that are not used are
    /// left out.
    #[must_use]
    pub fn top_features(&self) -> Vec<(String, f64)> {
        let named = |(at, share): (usize, f64)| (self.names[self.inputs[at].feature].clone(), share);
        self.top_inputs().into_iter().take(MAX_FEATURES).map(named).collect()
    }

    /// The inputs that are used, as indices, with their shares; largest first.
    pub(super) fn top_inputs(&self) -> Vec<(usize, f64)> {
        let mut spreads = vec![0.0; self.inputs.len()];
        self.add_linear(&mut spreads);
        self.add_random(&mut spreads);
        self.additive.forests.iter().for_each(|forest| add_forest(forest, &self.inputs, &mut spreads));
        let total: f64 = spreads.iter().sum();
        let shares = spreads.iter().map(|spread| spread / total).enumerate();
        let mut shares: Vec<(usize, f64)> = shares.filter(|(_, share)| *share > 0.0).collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }

    /// All terms of one input are one function of its value, whose spread is computed exactly.
    fn add_linear(&self, spreads: &mut [f64]) {
        for margin in 0..self.additive.linear.bias.len() {
            let mut values: Vec<Vec<f64>> =
                self.inputs.iter().map(|input| vec![0.0; input.levels.len() + 1]).collect();
            for (at, term) in self.additive.basis.terms.iter().enumerate() {
                let weight = self.additive.linear.weights[[at, margin]];
                let input = term.input();
                let levels = self.inputs[input].levels.iter().map(|&(value, _)| Some(value)).chain([None]);
                for (sum, level) in values[input].iter_mut().zip(levels) {
                    *sum += weight * f64::from(term.value(level));
                }
            }
            for ((spread, values), input) in spreads.iter_mut().zip(&values).zip(&self.inputs) {
                *spread += deviation(input, values);
            }
        }
    }

    fn add_random(&self, spreads: &mut [f64]) {
        let Some(random) = &self.additive.basis.random else { return };
        let first = self.additive.basis.terms.len();
        for column in 0..random.bias.len() {
            let read = random.weights.column(column);
            let length = read.iter().map(|&weight| f64::from(weight).powi(2)).sum::<f64>().sqrt();
            if length == 0.0 {
                continue;
            }
            // Of a standard normal x, max(0, x) has the standard deviation √(1/2 − 1/2π) = 0.58, and a cosine has at most
            // √(1/2) = 0.71.
            let own = if column < random.rectified { 0.58 * length } else { 0.71 * length.min(1.0) };
            let moved: f64 = self
                .additive
                .linear
                .weights
                .row(first + column)
                .iter()
                .map(|weight| weight.abs() * own)
                .sum();
            let whole: f64 = read.iter().map(|&weight| f64::from(weight).abs()).sum();
            for (spread, &weight) in spreads.iter_mut().zip(read) {
                *spread += moved * f64::from(weight).abs() / whole;
            }
        }
    }
}

/// The share of each value of a feature, missing last; they sum to 1.
fn shares(input: &Input) -> Vec<f64> {
    let present: f64 = input.levels.iter().map(|&(_, count)| f64::from(count)).sum();
    let of_level = |&(_, count): &(f32, u32)| (1.0 - input.missing) * f64::from(count) / present.max(1.0);
    input.levels.iter().map(of_level).chain([input.missing]).collect()
}

fn deviation(input: &Input, values: &[f64]) -> f64 {
    let shares = shares(input);
    let mean: f64 = shares.iter().zip(values).map(|(share, value)| share * value).sum();
    let variance: f64 = shares.iter().zip(values).map(|(share, value)| share * (value - mean).powi(2)).sum();
    variance.sqrt()
}

/// Many small splits on noise cancel each other, those on informative features do not, so the forest's total spread is
/// divided by the squares, as gains are.
fn add_forest(forest: &Forest, inputs: &[Input], spreads: &mut [f64]) {
    let mut squares = vec![0.0; inputs.len()];
    let mut whole = 0.0;
    let shares: Vec<Vec<f64>> = inputs.iter().map(shares).collect();
    for tree in &forest.trees {
        let right: Vec<f64> = tree.splits.iter().map(|split| share_right(split, inputs, &shares)).collect();
        let bit = |leaf: usize, level: usize| leaf >> (right.len() - 1 - level) & 1 == 1;
        let reached = |leaf: usize| -> f64 {
            let taken = |(level, right): (usize, &f64)| if bit(leaf, level) { *right } else { 1.0 - right };
            right.iter().enumerate().map(taken).product()
        };
        let reached: Vec<f64> = (0..tree.leaves.len()).map(reached).collect();
        for (level, split) in tree.splits.iter().enumerate() {
            // Leaves that differ in this split alone.
            let pairs = (0..tree.leaves.len())
                .filter(|&leaf| !bit(leaf, level))
                .map(|left_leaf| (left_leaf, left_leaf | 1 << (right.len() - 1 - level)));
            let square: f64 = pairs
                .map(|(a, b)| (reached[a] + reached[b]) * f64::from(tree.leaves[b] - tree.leaves[a]).powi(2))
                .sum();
            let square = square * right[level] * (1.0 - right[level]);
            whole += square.sqrt();
            squares[split.input] += square;
        }
    }
    let total: f64 = squares.iter().sum();
    if total > 0.0 {
        spreads.iter_mut().zip(squares).for_each(|(spread, square)| *spread += whole * square / total);
    }
}

/// The share of training samples that a split sends right.
fn share_right(split: &TreeSplit, inputs: &[Input], shares: &[Vec<f64>]) -> f64 {
    let goes_right = inputs[split.input].levels.iter().map(|&(value, _)| value > split.threshold);
    let goes_right = goes_right.chain([split.missing_right]).zip(&shares[split.input]);
    goes_right.filter(|(right, _)| *right).map(|(_, share)| share).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use crate::dataset::{Class, Features, Labelled};
    use crate::learning::train;

    /// 400 samples: the first feature decides, the second helps a little, the third is noise, the fourth constant.
    fn samples(rows: u32, rule: impl Fn(&[f32]) -> bool) -> Labelled {
        let noise = |row: u32, salt: u32| {
            let mixed =
                (row * 4 + salt).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519);
            (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let table: Vec<[f32; 4]> =
            (0..rows).map(|row| [noise(row, 0), noise(row, 1), noise(row, 2), 1.0]).collect();
        let columns: Vec<Vec<f32>> = (0..4).map(|at| table.iter().map(|row| row[at]).collect()).collect();
        let targets = table.iter().map(|row| u32::from(rule(row))).collect();
        let names = ["decides", "helps", "noise", "constant"].map(str::to_owned).to_vec();
        let classes = [0.0, 1.0].iter().filter_map(|&number| Class::new(number)).collect();
        Labelled::new(Features::of_columns(names, &columns), targets, classes)
    }

    #[test]
    fn the_most_important_feature_is_first_and_an_unused_one_is_left_out() {
        let model = train(&samples(400, |row| 3.0 * row[0] + row[1] > 0.1)).expect("it learns");
        let top = model.top_features();
        let names: Vec<&str> = top.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..2], ["decides", "helps"], "{top:?}");
        assert!(!names.contains(&"constant"), "{top:?}");
        assert!((top.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9, "{top:?}");
    }

    #[test]
    fn an_interaction_that_only_trees_find_counts() {
        let model = train(&samples(4_000, |row| (row[0] > 0.2) != (row[1] > -0.3))).expect("it learns");
        let top = model.top_features();
        assert!(top.iter().take(2).all(|(name, _)| name == "decides" || name == "helps"), "{top:?}");
        assert!(top[1].1 > 1.5 * top.get(2).map_or(0.0, |(_, share)| *share), "{top:?}");
    }

    #[test]
    fn a_constant_model_names_no_feature() {
        let names = vec!["constant".to_owned()];
        let features = Features::of_columns(names, &[vec![1.0; 6]]);
        let classes = [0.0, 1.0].iter().filter_map(|&number| Class::new(number)).collect();
        let model = train(&Labelled::new(features, vec![0, 0, 1, 1, 1, 1], classes)).expect("it learns");
        assert_eq!(model.top_features(), []);
    }
}
