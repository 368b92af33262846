//! Stratified splits: every part has the classes in about the same shares.
//!
//! Must not know features or models.

use super::rng::Stream;

/// One fold of a cross-validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// Samples to learn from, ascending.
    pub train: Vec<u32>,
    /// Samples to choose hyperparameters and ensemble weights on.
    pub validation: Vec<u32>,
}

/// A split of an evaluation: nothing is chosen on the test samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holdout {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
}

/// The rows of each class, shuffled. `targets` is indexed by row.
fn shuffled_by_class(rows: &[u32], targets: &[u32], classes: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut by_class = vec![Vec::new(); classes];
    for &row in rows {
        by_class[targets[row as usize] as usize].push(row);
    }
    let mut stream = Stream::new(seed);
    for members in &mut by_class {
        stream.shuffle(members);
    }
    by_class
}

/// A stratified split into about 80 % to train on and 20 % to test. Every class with at least two samples is in both
/// parts; a class's only sample is in the training part. `None` when the test part would be empty.
pub(crate) fn hold_out(rows: &[u32], targets: &[u32], classes: usize, seed: u64) -> Option<Holdout> {
    let mut split = Holdout { train: Vec::new(), test: Vec::new() };
    for members in shuffled_by_class(rows, targets, classes, seed) {
        let n = members.len();
        // A fifth, rounded; at least one sample, but not all.
        let tested = ((n + 2) / 5).max(1).min(n.saturating_sub(1));
        let (test, train) = members.split_at(tested);
        split.test.extend(test);
        split.train.extend(train);
    }
    // Ascending rows read memory in order.
    split.train.sort_unstable();
    split.test.sort_unstable();
    (!split.test.is_empty()).then_some(split)
}

/// `k` stratified folds: each row is in exactly one validation part.
pub(crate) fn k_folds(rows: &[u32], targets: &[u32], classes: usize, k: usize, seed: u64) -> Vec<Split> {
    let mut fold_of = std::collections::HashMap::with_capacity(rows.len());
    let mut next = 0;
    for members in shuffled_by_class(rows, targets, classes, seed) {
        for row in members {
            fold_of.insert(row, next % k);
            next += 1;
        }
    }
    let part = |fold: usize, validation: bool| -> Vec<u32> {
        rows.iter().copied().filter(|row| (fold_of[row] == fold) == validation).collect()
    };
    (0..k).map(|fold| Split { train: part(fold, false), validation: part(fold, true) }).collect()
}

/// A stratified subsample of about `max` rows that keeps at least one row of every class.
pub(crate) fn thinned(rows: &[u32], targets: &[u32], classes: usize, max: usize, seed: u64) -> Vec<u32> {
    if rows.len() <= max {
        return rows.to_vec();
    }
    let share = max as f64 / rows.len() as f64;
    let mut kept: Vec<u32> = Vec::with_capacity(max + classes);
    for members in shuffled_by_class(rows, targets, classes, seed) {
        // Rare classes keep their share, too: a larger one would raise their predicted probability.
        let wanted = ((members.len() as f64 * share).ceil() as usize).min(members.len());
        kept.extend(&members[..wanted]);
    }
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(counts: &[usize]) -> Vec<u32> {
        counts.iter().enumerate().flat_map(|(class, &n)| std::iter::repeat_n(class as u32, n)).collect()
    }

    #[test]
    fn a_holdout_has_every_class_in_both_parts_in_its_share() {
        let targets = targets(&[80, 20, 2]);
        let rows: Vec<u32> = (0..102).collect();
        let split = hold_out(&rows, &targets, 3, 1).expect("enough samples");
        let count = |rows: &[u32], class| rows.iter().filter(|&&row| targets[row as usize] == class).count();
        assert_eq!([0, 1, 2].map(|class| count(&split.test, class)), [16, 4, 1]);
        assert_eq!([0, 1, 2].map(|class| count(&split.train, class)), [64, 16, 1]);
    }

    #[test]
    fn folds_validate_each_row_once_and_never_train_on_it() {
        let targets = targets(&[50, 7]);
        let rows: Vec<u32> = (0..57).collect();
        let folds = k_folds(&rows, &targets, 2, 5, 3);
        let mut validated: Vec<u32> = folds.iter().flat_map(|fold| fold.validation.clone()).collect();
        validated.sort_unstable();
        assert_eq!(validated, rows);
        for fold in &folds {
            assert!(fold.validation.iter().all(|row| !fold.train.contains(row)));
            assert_eq!(fold.train.len() + fold.validation.len(), 57);
            assert!(
                fold.validation.iter().any(|&row| targets[row as usize] == 1),
                "a rare class in every fold"
            );
        }
    }

    #[test]
    fn a_subsample_keeps_the_shares_and_every_class() {
        let targets = targets(&[10_000, 20]);
        let rows: Vec<u32> = (0..10_020).collect();
        let kept = thinned(&rows, &targets, 2, 1_000, 3);
        assert!(kept.len() <= 1_002, "{}", kept.len());
        assert_eq!(kept.iter().filter(|&&row| targets[row as usize] == 1).count(), 2);
    }
}
