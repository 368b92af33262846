//! Stratified splits: every part has the classes in about the same shares.
//!
//! Must not know features or models.

use std::collections::HashMap;

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
    let mut fold_of = HashMap::with_capacity(rows.len());
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

/// `k` stratified folds that keep rows with equal `hashes` together: otherwise a learner that only memorises them would
/// get a low loss. All slices are indexed by row.
///
/// Rows are split one by one, as by [`k_folds`], where groups cannot be spread: a class occurs in fewer groups than there
/// are folds, or a group is larger than half a fold. So they are where most rows are distinct: the others are then equal by
/// chance, as new samples will be, and not because they were sent again.
pub(crate) fn grouped_folds(
    hashes: &[u64],
    targets: &[u32],
    classes: usize,
    k: usize,
    seed: u64,
) -> Vec<Split> {
    let groups = Groups::of(hashes);
    let rows = hashes.len();
    if !groups.are_copies() || !groups.can_be_spread(targets, classes, k) {
        let all: Vec<u32> = (0..rows as u32).collect();
        return k_folds(&all, targets, classes, k, seed);
    }
    let fold_of = groups.spread(targets, classes, k, seed);
    let part = |fold: usize, validation: bool| -> Vec<u32> {
        (0..rows as u32).filter(|&row| (fold_of[row as usize] == fold) == validation).collect()
    };
    (0..k).map(|fold| Split { train: part(fold, false), validation: part(fold, true) }).collect()
}

/// The number of rows without copies: where copies were sent, a dataset is no larger for them. Rows that are equal by chance
/// count, as in [`grouped_folds`].
pub(crate) fn rows_without_copies(hashes: &[u64]) -> usize {
    let groups = Groups::of(hashes);
    if groups.are_copies() { groups.members.len() } else { hashes.len() }
}

/// A split into about 80 % to train on and 20 % to test that keeps rows with equal `hashes` together; `None` where no rows
/// are equal, or where they cannot be spread over five parts.
pub(crate) fn grouped_hold_out(
    hashes: &[u64],
    targets: &[u32],
    classes: usize,
    seed: u64,
) -> Option<Holdout> {
    let groups = Groups::of(hashes);
    if groups.members.len() == hashes.len() || !groups.can_be_spread(targets, classes, 5) {
        return None;
    }
    let fold_of = groups.spread(targets, classes, 5, seed);
    let (test, train) = (0..hashes.len() as u32).partition(|&row| fold_of[row as usize] == 0);
    Some(Holdout { train, test })
}

/// Rows grouped by their features, in the order of their first rows.
struct Groups {
    members: Vec<Vec<u32>>,
}

impl Groups {
    fn of(hashes: &[u64]) -> Self {
        let mut index = HashMap::with_capacity(hashes.len());
        let mut members: Vec<Vec<u32>> = Vec::new();
        for (row, hash) in hashes.iter().enumerate() {
            let at = *index.entry(hash).or_insert(members.len());
            if at == members.len() {
                members.push(Vec::new());
            }
            members[at].push(row as u32);
        }
        Self { members }
    }

    /// Whether at least a quarter of the distinct rows occur more than once.
    fn are_copies(&self) -> bool {
        let repeated = self.members.iter().filter(|members| members.len() > 1).count();
        4 * repeated >= self.members.len()
    }

    fn can_be_spread(&self, targets: &[u32], classes: usize, k: usize) -> bool {
        let mut groups_of_class = vec![0_usize; classes];
        for members in &self.members {
            class_counts(members, targets, classes)
                .iter()
                .zip(&mut groups_of_class)
                .for_each(|(&count, groups)| *groups += usize::from(count > 0));
        }
        let rows: usize = self.members.iter().map(Vec::len).sum();
        let largest = self.members.iter().map(Vec::len).max().unwrap_or(0);
        2 * k * largest <= rows && groups_of_class.iter().all(|&groups| groups == 0 || groups >= k)
    }

    /// The fold of each row: large groups first, each to the fold with the fewest rows of its most frequent class.
    fn spread(&self, targets: &[u32], classes: usize, k: usize, seed: u64) -> Vec<usize> {
        let mut stream = Stream::new(seed);
        let mut order: Vec<&Vec<u32>> = self.members.iter().collect();
        stream.shuffle(&mut order);
        order.sort_by_key(|members| std::cmp::Reverse(members.len()));
        let mut fold_of = vec![0; targets.len()];
        let mut filled = vec![(vec![0_usize; classes], 0_usize); k];
        for members in order {
            let counts = class_counts(members, targets, classes);
            let class =
                (0..classes).max_by_key(|&class| (counts[class], std::cmp::Reverse(class))).unwrap_or(0);
            let fold = (0..k).min_by_key(|&fold| (filled[fold].0[class], filled[fold].1)).unwrap_or(0);
            members.iter().for_each(|&row| fold_of[row as usize] = fold);
            filled[fold].0.iter_mut().zip(&counts).for_each(|(sum, count)| *sum += count);
            filled[fold].1 += members.len();
        }
        fold_of
    }
}

fn class_counts(rows: &[u32], targets: &[u32], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    rows.iter().for_each(|&row| counts[targets[row as usize] as usize] += 1);
    counts
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
    use std::collections::HashSet;

    use rstest::rstest;

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
    fn equal_rows_are_in_the_same_fold_and_classes_keep_their_shares() {
        let hashes: Vec<u64> = (0..600).map(|row| row % 200).collect();
        let targets: Vec<u32> = (0..600).map(|row| u32::from(row % 200 < 20)).collect();
        let folds = grouped_folds(&hashes, &targets, 2, 5, 3);
        for fold in &folds {
            let train: HashSet<u64> = fold.train.iter().map(|&row| hashes[row as usize]).collect();
            assert!(fold.validation.iter().all(|&row| !train.contains(&hashes[row as usize])));
            assert_eq!(class_counts(&fold.validation, &targets, 2), [108, 12]);
            assert_eq!(fold.train.len() + fold.validation.len(), 600);
        }
        assert_ne!(folds, grouped_folds(&hashes, &targets, 2, 5, 4), "another seed, other folds");
    }

    #[rstest]
    #[case::no_row_twice((0..100).collect(), 10)]
    #[case::a_fifth_of_the_distinct_rows_twice((0..100).map(|row| row % 83).collect(), 50)]
    #[case::a_class_of_few_distinct_rows((0..100).map(|row| if row < 10 { row % 3 } else { row / 2 }).collect(), 10)]
    #[case::a_large_group((0..100).map(|row| if row < 89 { row } else { 1_000 }).collect(), 30)]
    fn rows_are_split_one_by_one(#[case] hashes: Vec<u64>, #[case] of_first_class: u32) {
        let targets: Vec<u32> = (0..100).map(|row| u32::from(row >= of_first_class)).collect();
        let all: Vec<u32> = (0..100).collect();
        assert_eq!(grouped_folds(&hashes, &targets, 2, 5, 3), k_folds(&all, &targets, 2, 5, 3));
    }

    #[test]
    fn copies_do_not_make_a_dataset_larger_but_rows_that_are_equal_by_chance_do() {
        let copies: Vec<u64> = (0..600).map(|row| row % 200).collect();
        let by_chance: Vec<u64> = (0..100).map(|row| row % 90).collect();
        assert_eq!((rows_without_copies(&copies), rows_without_copies(&by_chance)), (200, 100));
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
