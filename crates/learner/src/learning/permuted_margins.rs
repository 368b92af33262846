//! The margins of a model when the values of one input are shuffled: only the parts that use the input are computed again.
//!
//! Owns which parts these are: terms of the input, random features with a weight for it, trees with a split on it. The result
//! is that of the whole model, to rounding. Must not know what the margins are for.

use ndarray::Array2;

use super::additive_model::AdditiveModel;
use super::basis::RandomFeatures;
use super::preprocessing::Input;
use super::trees::{Forest, Tree};
use crate::dataset::Features;

/// A model's margins for some rows, with what is needed to change one input of them.
pub(super) struct PermutedMargins<'a> {
    model: &'a AdditiveModel,
    /// Standardised values, one list for each input; NaN where missing.
    values: Vec<Vec<f32>>,
    /// The arguments of the random features: rows × columns.
    random: Array2<f32>,
    /// The leaves that the rows reach: forests, then tree by tree its rows.
    leaves: Vec<Vec<u16>>,
    /// Rows × margins.
    margins: Array2<f64>,
}

impl<'a> PermutedMargins<'a> {
    /// Computes the whole model once.
    pub fn new(model: &'a AdditiveModel, inputs: &[Input], features: &Features, rows: &[u32]) -> Self {
        let values: Vec<Vec<f32>> = inputs.iter().map(|input| standardised(input, features, rows)).collect();
        let random = match &model.basis.random {
            Some(random) => arguments(random, &values, rows.len()),
            None => Array2::zeros((rows.len(), 0)),
        };
        let margins = model.basis.design(inputs, features, rows).dot(&model.linear.weights);
        let mut all =
            Self { model, values, random, leaves: Vec::new(), margins: margins + &model.linear.bias };
        for forest in &model.forests {
            let leaves = all.leaves_of(forest, rows.len());
            for (tree, leaves) in forest.trees.iter().zip(leaves.chunks_exact(rows.len().max(1))) {
                for (row, &leaf) in leaves.iter().enumerate() {
                    all.margins[[row, tree.margin]] += f64::from(tree.leaves[usize::from(leaf)]);
                }
            }
            all.leaves.push(leaves);
        }
        all
    }

    /// The margins when row `r` has the value that row `order[r]` has of `input`: rows × margins.
    pub fn shuffled(&self, input: usize, order: &[u32]) -> Array2<f64> {
        let old = &self.values[input];
        let new: Vec<f32> = order.iter().map(|&from| old[from as usize]).collect();
        let mut margins = self.margins.clone();
        self.move_terms(input, old, &new, &mut margins);
        self.move_random(input, old, &new, &mut margins);
        for (forest, leaves) in self.model.forests.iter().zip(&self.leaves) {
            move_forest(forest, leaves, input, &new, &mut margins);
        }
        margins
    }

    fn move_terms(&self, input: usize, old: &[f32], new: &[f32], margins: &mut Array2<f64>) {
        let present = |value: f32| (!value.is_nan()).then_some(value);
        for (at, term) in self.model.basis.terms.iter().enumerate().filter(|(_, term)| term.input() == input)
        {
            let weights = self.model.linear.weights.row(at);
            for ((mut margins, &old), &new) in margins.outer_iter_mut().zip(old).zip(new) {
                let change = f64::from(term.value(present(new))) - f64::from(term.value(present(old)));
                margins.scaled_add(change, &weights);
            }
        }
    }

    fn move_random(&self, input: usize, old: &[f32], new: &[f32], margins: &mut Array2<f64>) {
        let Some(random) = &self.model.basis.random else { return };
        let first = self.model.basis.terms.len();
        for column in 0..random.bias.len() {
            let weight = random.weights[[input, column]];
            if weight == 0.0 {
                continue;
            }
            let weights = self.model.linear.weights.row(first + column);
            for (row, mut margins) in margins.outer_iter_mut().enumerate() {
                let before = self.random[[row, column]];
                let after = before + weight * (filled(new[row]) - filled(old[row]));
                margins.scaled_add(random.value(column, after) - random.value(column, before), &weights);
            }
        }
    }

    fn leaves_of(&self, forest: &Forest, rows: usize) -> Vec<u16> {
        let mut leaves = vec![0_u16; forest.trees.len() * rows];
        for (tree, leaves) in forest.trees.iter().zip(leaves.chunks_exact_mut(rows.max(1))) {
            for split in &tree.splits {
                for (leaf, &value) in leaves.iter_mut().zip(&self.values[split.input]) {
                    *leaf = 2 * *leaf + u16::from(split.goes_right(value));
                }
            }
        }
        leaves
    }
}

/// The trees that split on `input`, with their leaves after the change.
fn move_forest(forest: &Forest, leaves: &[u16], input: usize, new: &[f32], margins: &mut Array2<f64>) {
    for (tree, leaves) in forest.trees.iter().zip(leaves.chunks_exact(new.len().max(1))) {
        let levels: Vec<usize> =
            (0..tree.splits.len()).filter(|&at| tree.splits[at].input == input).collect();
        if levels.is_empty() {
            continue;
        }
        for (row, (&leaf, &value)) in leaves.iter().zip(new).enumerate() {
            let moved = moved_leaf(tree, &levels, usize::from(leaf), value);
            let change = f64::from(tree.leaves[moved]) - f64::from(tree.leaves[usize::from(leaf)]);
            margins[[row, tree.margin]] += change;
        }
    }
}

/// The leaf of a row whose input of the splits at `levels` gets another value.
fn moved_leaf(tree: &Tree, levels: &[usize], leaf: usize, value: f32) -> usize {
    levels.iter().fold(leaf, |leaf, &level| {
        let bit = 1 << (tree.splits.len() - 1 - level);
        if tree.splits[level].goes_right(value) { leaf | bit } else { leaf & !bit }
    })
}

/// NaN where missing.
fn standardised(input: &Input, features: &Features, rows: &[u32]) -> Vec<f32> {
    let column = &features.columns()[input.feature];
    let of_value = |&value: &f32| if value.is_nan() { value } else { input.standardised(value) };
    let table: Vec<f32> = column.values().iter().map(of_value).collect();
    let mut values = vec![0.0; rows.len()];
    column.for_each_code(rows, |row, code| values[row] = table[code]);
    values
}

/// A missing value counts as the mean.
fn filled(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value }
}

fn arguments(random: &RandomFeatures, values: &[Vec<f32>], rows: usize) -> Array2<f32> {
    let mut sums = Array2::zeros((rows, random.bias.len()));
    for ((input, column), &weight) in random.weights.indexed_iter().filter(|(_, weight)| **weight != 0.0) {
        for (row, &value) in values[input].iter().enumerate() {
            sums[[row, column]] += weight * filled(value);
        }
    }
    for (mut sums, &bias) in sums.columns_mut().into_iter().zip(&random.bias) {
        sums += bias;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Class, Column, Labelled};
    use crate::learning::rng::Stream;
    use crate::learning::train;
    use rstest::rstest;

    /// Samples of four features, one with missing values, whose classes depend on combinations of them.
    fn samples(rows: usize, classes: u32) -> Labelled {
        let mut stream = Stream::new(5);
        let mut columns: Vec<Vec<f32>> =
            (0..4).map(|_| (0..rows).map(|_| (stream.uniform() * 2.0 - 1.0) as f32).collect()).collect();
        let target = |row: usize| {
            let (a, b) = (columns[0][row], columns[1][row]);
            (u32::from((a > 0.2) != (b > -0.3)) + u32::from(a + columns[2][row] > 0.4)).min(classes - 1)
        };
        let targets = (0..rows).map(target).collect();
        columns[3].iter_mut().step_by(3).for_each(|value| *value = f32::NAN);
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let classes = (0..classes).filter_map(|class| Class::new(f64::from(class))).collect();
        Labelled::new(Features::of_columns(names, &columns), targets, classes)
    }

    #[rstest]
    #[case::random_features(300, 2)]
    #[case::trees(2_500, 2)]
    #[case::three_classes(900, 3)]
    fn the_margins_are_those_of_the_whole_model_with_a_shuffled_column(
        #[case] rows: usize,
        #[case] classes: u32,
    ) {
        let samples = samples(rows, classes);
        let model = train(&samples).expect("it learns");
        let all: Vec<u32> = (0..100).collect();
        let tested = samples.features().select(&all);
        let permuted = PermutedMargins::new(&model.additive, &model.inputs, &tested, &all);
        let mut largest = 0.0_f64;
        for (at, input) in model.inputs.iter().enumerate() {
            let mut order = all.clone();
            Stream::new(at as u64).shuffle(&mut order);
            let shuffled = |(feature, column): (usize, &Column)| -> Vec<f32> {
                let from = if feature == input.feature { &order } else { &all };
                from.iter().map(|&row| column.value(row as usize)).collect()
            };
            let columns: Vec<Vec<f32>> = tested.columns().iter().enumerate().map(shuffled).collect();
            let changed = Features::of_columns(tested.names().to_vec(), &columns);
            let whole = model.additive.margins(&model.inputs, &changed, &all);
            let parts = permuted.shuffled(at, &order);
            let error = (&whole - &parts).iter().fold(0.0_f64, |max, error| max.max(error.abs()));
            assert!(error < 2e-5, "input {at}: {error}");
            let moved =
                (&parts - &permuted.margins).iter().fold(0.0_f64, |max, change| max.max(change.abs()));
            largest = largest.max(moved);
        }
        assert!(largest > 0.1, "shuffling moves the margins: {largest}");
    }
}
