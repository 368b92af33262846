//! Other values for a column: what a model learns from is kept, the values themselves are not.
//!
//! Kept are the order of the values, ties (equal values stay equal), empty cells, and copies of columns, because the random
//! numbers depend on the content of the column. Distances between neighbouring values are changed by a random factor from 1/2
//! to 2, which keeps the shape that a linear model sees. Rare values are merged. Must not know other columns or the target.

use super::AnonymizeOptions;
use super::random::Random;
use crate::dataset::Column;

/// What was changed beyond the values, summed over columns.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) merged_values: usize,
    pub(super) filled_columns: usize,
}

/// The decimals of a value if that keeps them apart; Moodle's indicators have two.
const DECIMALS: f64 = 1e4;

/// The column with other values; NaN is an empty cell.
pub(super) fn anonymized(
    column: &Column,
    rows: usize,
    options: AnonymizeOptions,
    changes: &mut Changes,
) -> Vec<f32> {
    let all: Vec<u32> = (0..rows as u32).collect();
    let counts = column.value_counts(&all);
    let mut content = Vec::with_capacity(rows * 4);
    (0..rows).for_each(|row| content.extend(column.value(row).to_bits().to_le_bytes()));
    let mut random = Random::of(options.seed, &content);
    let new_values = mapped(column.values(), &counts, options.min_count, &mut random, changes);
    (0..rows).map(|row| new_values[column.code(row)]).collect()
}

/// The new value of each distinct value. `counts` has the number of samples with each.
fn mapped(
    values: &[f32],
    counts: &[u32],
    min_count: usize,
    random: &mut Random,
    changes: &mut Changes,
) -> Vec<f32> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&code| !values[code].is_nan()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut new = vec![f32::NAN; values.len()];
    let present: usize = order.iter().map(|&code| counts[code] as usize).sum();
    if present < min_count {
        // Without values, their few samples are not distinguished.
        changes.filled_columns += usize::from(present > 0);
        return new;
    }
    let groups = grouped(&order, counts, min_count);
    changes.merged_values +=
        groups.iter().filter(|group| group.len() > 1).map(|group| group.len()).sum::<usize>();
    for (group, value) in groups.iter().zip(positions(values, counts, &groups, random)) {
        group.iter().for_each(|&code| new[code] = value);
    }
    let empty = values.iter().position(|value| value.is_nan());
    if let Some(empty) = empty.filter(|&empty| (counts[empty] as usize) < min_count) {
        let most = order.iter().copied().max_by_key(|&code| counts[code]);
        changes.filled_columns += 1;
        new[empty] = most.map_or(f32::NAN, |code| new[code]);
    }
    new
}

/// Neighbouring values together, so that each group has `min_count` samples or more.
fn grouped<'a>(order: &'a [usize], counts: &[u32], min_count: usize) -> Vec<&'a [usize]> {
    let (mut groups, mut start, mut size) = (Vec::<&[usize]>::new(), 0, 0);
    for (at, &code) in order.iter().enumerate() {
        size += counts[code] as usize;
        if size >= min_count {
            groups.push(&order[start..=at]);
            (start, size) = (at + 1, 0);
        }
    }
    if start < order.len() {
        // The rest is too small for a group of its own.
        let first = start - groups.pop().map_or(0, <[usize]>::len);
        groups.push(&order[first..]);
    }
    groups
}

/// Increasing values from -1 to 1, one for each group.
fn positions(values: &[f32], counts: &[u32], groups: &[&[usize]], random: &mut Random) -> Vec<f32> {
    // The value of most samples of a group stands for it.
    let value = |group: &&[usize]| {
        let most = group.iter().copied().max_by_key(|&code| counts[code]).unwrap_or_default();
        f64::from(values[most])
    };
    let originals: Vec<f64> = groups.iter().map(value).collect();
    let mut at = 0.0;
    let mut positions = vec![at];
    for pair in originals.windows(2) {
        at += (pair[1] - pair[0]) * 2.0_f64.powf(2.0 * random.uniform() - 1.0);
        positions.push(at);
    }
    if !(at > 0.0 && at.is_finite()) {
        // One value, or values at the limits of the format, whose order is enough.
        let last = (groups.len() - 1).max(1) as f64;
        positions = (0..groups.len()).map(|group| group as f64 / last).collect();
        at = 1.0;
    }
    let scaled = |position: &f64| 2.0 * position / at - 1.0;
    let rounded = |position: &f64| ((scaled(position) * DECIMALS).round() / DECIMALS) as f32;
    let increasing = |values: &[f32]| values.windows(2).all(|pair| pair[0] < pair[1]);
    let short: Vec<f32> = positions.iter().map(rounded).collect();
    if increasing(&short) {
        return short;
    }
    let mut exact: Vec<f32> = positions.iter().map(|position| scaled(position) as f32).collect();
    for index in 1..exact.len() {
        exact[index] = exact[index].max(exact[index - 1].next_up());
    }
    exact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32], counts: &[u32], min_count: usize) -> (Vec<f32>, Changes) {
        let mut changes = Changes::default();
        let new = mapped(values, counts, min_count, &mut Random::new(7), &mut changes);
        (new, changes)
    }

    #[test]
    fn order_is_kept_and_the_values_are_others() {
        let (new, changes) = map(&[0.5, -1.0, 0.0, 0.25], &[9, 9, 9, 9], 5);
        assert!(new[1] < new[2] && new[2] < new[3] && new[3] < new[0], "{new:?}");
        assert!(
            new.iter()
                .zip([0.5_f32, -1.0, 0.0, 0.25])
                .filter(|(new, old)| new.to_bits() == f32::to_bits(*old))
                .count()
                <= 1,
            "{new:?}"
        );
        assert_eq!((changes.merged_values, changes.filled_columns), (0, 0));
    }

    #[test]
    fn rare_values_are_merged_with_their_neighbours() {
        let (new, changes) = map(&[0.0, 0.1, 0.2, 0.9], &[50, 3, 3, 1], 5);
        assert!(new[1].to_bits() == new[2].to_bits() && new[2].to_bits() == new[3].to_bits(), "{new:?}");
        assert!(new[0] < new[1]);
        assert_eq!(changes.merged_values, 3);
    }

    #[test]
    fn a_rare_empty_cell_is_filled_and_a_rarely_filled_column_is_emptied() {
        let (new, changes) = map(&[f32::NAN, 0.0, 1.0], &[2, 50, 50], 5);
        assert!(!new[0].is_nan() && changes.filled_columns == 1, "{new:?}");
        let (new, changes) = map(&[f32::NAN, 1.0], &[100, 2], 5);
        assert!(new.iter().all(|value| value.is_nan()) && changes.filled_columns == 1, "{new:?}");
    }

    #[test]
    fn many_and_extreme_values_stay_apart_and_finite() {
        let values: Vec<f32> = (0..50_000).map(|n: u16| f32::from(n) / 65_536.0).collect();
        let (new, _) = map(&values, &vec![5; values.len()], 5);
        assert!(new.windows(2).all(|pair| pair[0] < pair[1]));
        let (new, _) = map(&[f32::MAX, f32::MIN, 0.0], &[5, 5, 5], 5);
        assert!(new.iter().all(|value| value.is_finite()) && new[1] < new[2] && new[2] < new[0], "{new:?}");
    }
}
