//! Samples whose class is known: what a model learns from.

use super::column::Column;
use super::error::DatasetError;
use super::features::Features;
use super::header::{Class, Header, class_list};

/// A labelled dataset as it was read: its targets may still contradict its header.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledFile {
    /// What the header said.
    pub header: Header,
    features: Features,
    target: Column,
    /// The line of each distinct target's first appearance.
    target_lines: Vec<u64>,
}

impl LabelledFile {
    pub(super) fn new(header: Header, features: Features, target: Column, target_lines: Vec<u64>) -> Self {
        Self { header, features, target, target_lines }
    }

    /// How many samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.features.rows()
    }

    /// The features, whatever the targets are.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Whether the targets that occur are exactly the header's classes.
    #[must_use]
    pub fn labels_match_header(&self) -> bool {
        let seen = self.target.values();
        seen.iter().all(|&value| self.header.classes.iter().any(|class| class.is(value)))
            && self.header.classes.iter().all(|class| seen.iter().any(|&value| class.is(value)))
    }

    /// Samples with their classes.
    ///
    /// # Errors
    /// [`DatasetError::UnknownClass`] with the line of the first target that is no class.
    pub fn into_samples(self) -> Result<Labelled, DatasetError> {
        let Self { header, features, target, target_lines } = self;
        let classes = header.classes;
        let class_of_code: Vec<u32> = target
            .values()
            .iter()
            .zip(&target_lines)
            .map(|(&value, &line)| {
                let at = classes.iter().position(|class| class.is(value));
                at.map(|at| at as u32).ok_or_else(|| DatasetError::UnknownClass {
                    line,
                    column: features.columns().len() + 1,
                    value: value.to_string(),
                    classes: class_list(&classes),
                })
            })
            .collect::<Result<_, _>>()?;
        let targets = (0..features.rows()).map(|row| class_of_code[target.code(row)]).collect();
        Ok(Labelled { features, targets, classes })
    }
}

/// Samples whose class is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    features: Features,
    targets: Vec<u32>,
    classes: Vec<Class>,
}

impl Labelled {
    /// Samples of these features and targets; a target is an index into `classes`.
    ///
    /// # Panics
    /// When there is not one target a sample, or a target is no index into `classes`.
    #[must_use]
    pub fn new(features: Features, targets: Vec<u32>, classes: Vec<Class>) -> Self {
        assert_eq!(features.rows(), targets.len(), "one target a sample");
        assert!(targets.iter().all(|&target| (target as usize) < classes.len()), "targets are class indices");
        Self { features, targets, classes }
    }

    /// The samples' features.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Each sample's class, as an index into [`Labelled::classes`].
    #[must_use]
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// The classes that a sample could have, whether or not one does.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// How many samples each class has.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &target in &self.targets {
            counts[target as usize] += 1;
        }
        counts
    }

    /// These samples and `more`, in [canonical](Labelled::canonical) order, so that the order of
    /// batches does not matter; about `bound` of them at most, see there.
    ///
    /// # Errors
    /// [`Mismatch`] when the features have other names.
    pub fn merged(self, more: Self, bound: usize) -> Result<Self, Mismatch> {
        let classes = union_of_classes(&self.classes, &more.classes);
        let index = |class: &Class| classes.iter().position(|c| c == class).unwrap_or_default() as u32;
        let retarget = |samples: &Self| -> Vec<u32> {
            let new: Vec<u32> = samples.classes.iter().map(index).collect();
            samples.targets.iter().map(|&target| new[target as usize]).collect()
        };
        let mut targets = retarget(&self);
        targets.extend(retarget(&more));

        let (names, old, old_rows) = self.features.into_parts();
        let (_, new, new_rows) = more.features.aligned_to(&names)?.into_parts();
        let columns = old.iter().zip(&new).map(|(a, b)| appended(a, old_rows, b, new_rows)).collect();
        let features = Features::new(names, columns, old_rows + new_rows);
        Ok(Self { features, targets, classes }.canonical(bound))
    }

    /// The same samples in an order that depends on nothing but the samples themselves, and looks
    /// random: sorted by a hash of each one's values. Beyond `bound` samples the ones whose hash of
    /// values and repetition is smallest stay, and the first few of every class: an even choice that
    /// does not depend on the order in which different samples came. (Of equal samples somewhat fewer
    /// stay the more batches follow, because their repetitions are counted anew.)
    #[must_use]
    pub fn canonical(self, bound: usize) -> Self {
        let hashes = self.row_hashes();
        let mut rows: Vec<u32> = (0..self.targets.len() as u32).collect();
        rows.sort_by_key(|&row| hashes[row as usize]);
        if rows.len() > bound {
            rows = self.even_choice(&rows, &hashes, bound);
        }
        let targets = rows.iter().map(|&row| self.targets[row as usize]).collect();
        Self { features: self.features.select(&rows), targets, classes: self.classes }
    }

    /// A hash of each sample's values and class that depends neither on which columns vary nor on
    /// the order of the samples.
    fn row_hashes(&self) -> Vec<u64> {
        let mut sums: Vec<u64> = self
            .targets
            .iter()
            .map(|&t| mix(self.classes[t as usize].number().to_bits() ^ u64::MAX))
            .collect();
        let rows: Vec<u32> = (0..sums.len() as u32).collect();
        for (at, column) in self.features.columns().iter().enumerate() {
            let hash = |value: &f32| mix((at as u64) << 32 | u64::from(value.to_bits()));
            let table: Vec<u64> = column.values().iter().map(hash).collect();
            column.for_each_code(&rows, |row, code| sums[row] = sums[row].wrapping_add(table[code]));
        }
        sums.into_iter().map(mix).collect()
    }

    /// `bound` of `rows` (sorted by hash): those with the smallest hash of their values and of how
    /// many equal rows stand before them, in the order they had; and the first few of every class,
    /// so that none is forgotten.
    fn even_choice(&self, rows: &[u32], hashes: &[u64], bound: usize) -> Vec<u32> {
        let mut repetition = 0_u64;
        let mut keyed: Vec<(u64, usize)> = Vec::with_capacity(rows.len());
        for (at, &row) in rows.iter().enumerate() {
            let hash = hashes[row as usize];
            let repeats = at > 0 && hashes[rows[at - 1] as usize] == hash;
            repetition = if repeats { repetition + 1 } else { 0 };
            keyed.push((mix(hash ^ mix(repetition)), at));
        }
        keyed.sort_unstable();
        let mut of_class = vec![0_usize; self.classes.len()];
        let mut kept: Vec<usize> = Vec::with_capacity(bound);
        for (rank, &(_, at)) in keyed.iter().enumerate() {
            let seen = &mut of_class[self.targets[rows[at] as usize] as usize];
            *seen += 1;
            if rank < bound || *seen <= MIN_OF_A_CLASS {
                kept.push(at);
            }
        }
        kept.sort_unstable();
        kept.into_iter().map(|at| rows[at]).collect()
    }
}

/// So many samples of a class are kept whatever the bound.
const MIN_OF_A_CLASS: usize = 20;

/// The first list, unless the second has classes that it lacks: then all of them, ascending.
fn union_of_classes(ours: &[Class], theirs: &[Class]) -> Vec<Class> {
    if theirs.iter().all(|class| ours.contains(class)) {
        return ours.to_vec();
    }
    let mut all: Vec<Class> = ours.iter().chain(theirs).copied().collect();
    all.sort_by(|a, b| a.number().total_cmp(&b.number()));
    all.dedup();
    all
}

fn appended(a: &Column, a_rows: usize, b: &Column, b_rows: usize) -> Column {
    let mut builder = super::builder::ColumnBuilder::default();
    for row in 0..a_rows {
        builder.push(row, a.value(row));
    }
    for row in 0..b_rows {
        builder.push(a_rows + row, b.value(row));
    }
    builder.finish()
}

/// The finaliser of the `SplitMix64` generator (Steele, Lea and Flood 2014): a bijection in which
/// every bit of the input changes about half of the output's.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Two sets of features that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

impl Mismatch {
    /// Of features that have no names.
    pub(super) fn of_counts(expected: usize, at_least: bool, found: usize) -> Self {
        let bound = if at_least { "at least " } else { "" };
        Self(format!(
            "the dataset has {found} features, the model was trained on {bound}{expected}, and matches them by \
             their position"
        ))
    }

    pub(super) fn of_names(expected: &[String], found: &[String]) -> Self {
        let few = |names: Vec<&String>| -> String {
            let shown: Vec<String> = names.iter().take(3).map(|name| format!("{name:?}")).collect();
            match names.len().saturating_sub(3) {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        };
        let lacking: Vec<&String> = expected.iter().filter(|name| !found.contains(name)).collect();
        let surplus: Vec<&String> = found.iter().filter(|name| !expected.contains(name)).collect();
        let mut text = format!(
            "the dataset's features are not those of the model: the model has {}, the dataset {}",
            expected.len(),
            found.len()
        );
        if !lacking.is_empty() {
            text += "; lacking: ";
            text += &few(lacking);
        }
        if !surplus.is_empty() {
            text += "; unknown to the model: ";
            text += &few(surplus);
        }
        Self(text)
    }
}
