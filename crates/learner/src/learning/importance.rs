//! Which features move a model's answers most, read off the model itself.
//!
//! No sample is asked again: the model knows how often each value of a feature occurred. A feature's
//! weight is how far its part of a margin spreads over the training samples (a standard deviation), with
//! these simplifications: features are taken as independent of each other; of a random combination each
//! feature gets its share of the combination's weights; each question of a tree counts by how far apart
//! the leaves are that differ in its answer alone, and by the share of samples that come to them. It says what the model looks
//! at and not what causes what, and of two features that tell the same it may name only one.

use super::basis::Term;
use super::preprocessing::Input;
use super::trained_model::TrainedModel;
use super::trees::{Forest, Question};

/// As many as people read.
const MOST: usize = 20;

impl TrainedModel {
    /// The features that move the answers most, with their shares of all movement, largest first; those
    /// that are not used are left out.
    #[must_use]
    pub fn top_features(&self) -> Vec<(String, f64)> {
        let mut spreads = vec![0.0; self.inputs.len()];
        self.add_linear(&mut spreads);
        self.add_random(&mut spreads);
        self.forests.iter().for_each(|forest| add_forest(forest, &self.inputs, &mut spreads));
        let total: f64 = spreads.iter().sum();
        let mut shares: Vec<(usize, f64)> = spreads
            .iter()
            .map(|spread| spread / total)
            .enumerate()
            .filter(|(_, share)| *share > 0.0)
            .collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let named = |(at, share): (usize, f64)| (self.names[self.inputs[at].feature].clone(), share);
        shares.into_iter().take(MOST).map(named).collect()
    }

    /// All terms of one input are one function of its value, whose spread is computed exactly.
    fn add_linear(&self, spreads: &mut [f64]) {
        for margin in 0..self.linear.bias.len() {
            let mut values: Vec<Vec<f64>> =
                self.inputs.iter().map(|input| vec![0.0; input.levels.len() + 1]).collect();
            for (at, term) in self.expansion.terms.iter().enumerate() {
                let weight = self.linear.weights[[at, margin]];
                let input = term.input();
                let levels = self.inputs[input].levels.iter().map(|&(value, _)| Some(value)).chain([None]);
                for (sum, level) in values[input].iter_mut().zip(levels) {
                    *sum += weight * of_term(*term, level);
                }
            }
            for ((spread, values), input) in spreads.iter_mut().zip(&values).zip(&self.inputs) {
                *spread += deviation(input, values);
            }
        }
    }

    fn add_random(&self, spreads: &mut [f64]) {
        let Some(random) = &self.expansion.random else { return };
        let first = self.expansion.terms.len();
        for column in 0..random.bias.len() {
            let read = random.weights.column(column);
            let length = read.iter().map(|&weight| f64::from(weight).powi(2)).sum::<f64>().sqrt();
            if length == 0.0 {
                continue;
            }
            // Of a standard normal x: max(0, x) has a standard deviation of 0.58, a cosine at most 0.71.
            let own = if column < random.rectified { 0.58 * length } else { 0.71 * length.min(1.0) };
            let moved: f64 =
                self.linear.weights.row(first + column).iter().map(|weight| weight.abs() * own).sum();
            let whole: f64 = read.iter().map(|&weight| f64::from(weight).abs()).sum();
            for (spread, &weight) in spreads.iter_mut().zip(read) {
                *spread += moved * f64::from(weight).abs() / whole;
            }
        }
    }
}

/// What a term makes of a standardised value; `None` is a missing one, which counts as the mean.
fn of_term(term: Term, level: Option<f32>) -> f64 {
    match term {
        Term::Value { .. } => f64::from(level.unwrap_or(0.0)),
        Term::Missing { .. } => f64::from(u8::from(level.is_none())),
        Term::Hinge { knot, .. } => f64::from((level.unwrap_or(0.0) - knot).max(0.0)),
    }
}

/// How a feature's values are shared out, missing last; sums to 1.
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

/// The many small questions of a boosted forest on noise cancel each other, those on what matters do not:
/// so the forest's whole movement is shared out by the squares, as gains are.
fn add_forest(forest: &Forest, inputs: &[Input], spreads: &mut [f64]) {
    let mut squares = vec![0.0; inputs.len()];
    let mut whole = 0.0;
    let shares: Vec<Vec<f64>> = inputs.iter().map(shares).collect();
    for tree in &forest.trees {
        let yes: Vec<f64> =
            tree.questions.iter().map(|question| share_of_yes(question, inputs, &shares)).collect();
        let bit = |leaf: usize, level: usize| leaf >> (yes.len() - 1 - level) & 1 == 1;
        let reached = |leaf: usize| -> f64 {
            yes.iter()
                .enumerate()
                .map(|(level, yes)| if bit(leaf, level) { *yes } else { 1.0 - yes })
                .product()
        };
        let reached: Vec<f64> = (0..tree.leaves.len()).map(reached).collect();
        for (level, question) in tree.questions.iter().enumerate() {
            // Leaves that differ in this answer alone.
            let pairs = (0..tree.leaves.len())
                .filter(|&leaf| !bit(leaf, level))
                .map(|no| (no, no | 1 << (yes.len() - 1 - level)));
            let square: f64 = pairs
                .map(|(no, yes)| {
                    (reached[no] + reached[yes]) * f64::from(tree.leaves[yes] - tree.leaves[no]).powi(2)
                })
                .sum();
            let square = square * yes[level] * (1.0 - yes[level]);
            whole += square.sqrt();
            squares[question.input] += square;
        }
    }
    let total: f64 = squares.iter().sum();
    if total > 0.0 {
        spreads.iter_mut().zip(squares).for_each(|(spread, square)| *spread += whole * square / total);
    }
}

fn share_of_yes(question: &Question, inputs: &[Input], shares: &[Vec<f64>]) -> f64 {
    let answers = inputs[question.input].levels.iter().map(|&(value, _)| value > question.threshold);
    let answers = answers.chain([question.yes_if_missing]).zip(&shares[question.input]);
    answers.filter(|(yes, _)| *yes).map(|(_, share)| share).sum::<f64>().clamp(0.0, 1.0)
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
    fn the_feature_that_decides_is_first_and_one_that_is_not_used_is_not_named() {
        let model = train(&samples(400, |row| 3.0 * row[0] + row[1] > 0.1)).expect("it learns");
        let top = model.top_features();
        let names: Vec<&str> = top.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..2], ["decides", "helps"], "{top:?}");
        assert!(!names.contains(&"constant"), "{top:?}");
        assert!((top.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9, "{top:?}");
    }

    #[test]
    fn a_rule_that_only_trees_see_is_seen_here_too() {
        let model = train(&samples(4_000, |row| (row[0] > 0.2) != (row[1] > -0.3))).expect("it learns");
        let top = model.top_features();
        assert!(top.iter().take(2).all(|(name, _)| name == "decides" || name == "helps"), "{top:?}");
        assert!(top[1].1 > 1.5 * top.get(2).map_or(0.0, |(_, share)| *share), "{top:?}");
    }

    #[test]
    fn a_model_of_shares_alone_names_no_feature() {
        let names = vec!["constant".to_owned()];
        let features = Features::of_columns(names, &[vec![1.0; 6]]);
        let classes = [0.0, 1.0].iter().filter_map(|&number| Class::new(number)).collect();
        let model = train(&Labelled::new(features, vec![0, 0, 1, 1, 1, 1], classes)).expect("it learns");
        assert_eq!(model.top_features(), []);
    }
}
