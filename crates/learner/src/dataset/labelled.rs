//! Labelled samples: what a model is trained and tested on.
//!
//! Owns the check of the targets, the union of batches, and the choice of the samples that are kept. Must not know how
//! samples are stored.

use std::borrow::Cow;

use super::column::Column;
use super::error::{DatasetError, Mismatch};
use super::features::Features;
use super::hash::splitmix;
use super::header::{Class, Header, class_list};

/// A labelled dataset as it was read: its targets may still contradict its header.
///
/// [`LabelledFile::into_samples`] checks them.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledFile {
    /// The first two lines.
    pub header: Header,
    pub(super) features: Features,
    pub(super) target: Column,
    /// The line on which each distinct target occurs first.
    pub(super) target_lines: Vec<u64>,
}

impl LabelledFile {
    /// The features; the targets need not be valid.
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

    /// The samples with their classes.
    ///
    /// # Errors
    /// [`DatasetError::UnknownClass`] with the line of the first target that is not a class.
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
///
/// ```
/// use learner::dataset::{Class, Features, Labelled};
///
/// let features = Features::of_columns(vec!["clicks".to_owned()], &[vec![0.5, f32::NAN, -1.0]]);
/// let classes = [0.0, 1.0].into_iter().filter_map(Class::new).collect();
/// let samples = Labelled::new(features, vec![0, 1, 1], classes);
/// assert_eq!(samples.class_counts(), [1, 2]);
/// assert!(samples.features().columns()[0].has_missing());
/// ```
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
    /// When the number of targets is not the number of samples, or a target is not an index into `classes`.
    #[must_use]
    pub fn new(features: Features, targets: Vec<u32>, classes: Vec<Class>) -> Self {
        assert_eq!(features.rows(), targets.len(), "one target for each sample");
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

    /// All classes, also those without a sample.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The number of samples of each class.
    #[must_use]
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &target in &self.targets {
            counts[target as usize] += 1;
        }
        counts
    }

    /// These samples and `more`, whose features have the same names in the same order. Classes that only `more` has are
    /// added.
    pub(super) fn merged(&self, more: &Self) -> Self {
        let classes = union_of_classes(&self.classes, &more.classes);
        let index = |class: &Class| classes.iter().position(|c| c == class).unwrap_or_default() as u32;
        let retarget = |samples: &Self| -> Vec<u32> {
            let new: Vec<u32> = samples.classes.iter().map(index).collect();
            samples.targets.iter().map(|&target| new[target as usize]).collect()
        };
        let mut targets = retarget(self);
        targets.extend(retarget(more));
        Self { features: self.features.followed_by(&more.features), targets, classes }
    }

    /// The samples of `classes`, which become the only ones; the number of samples of each other class.
    #[must_use]
    pub fn of_classes(&self, classes: &[Class]) -> (Cow<'_, Self>, Vec<(Class, usize)>) {
        let counts = self.classes.iter().copied().zip(self.class_counts());
        let (kept, others): (Vec<_>, Vec<_>) = counts.partition(|(class, _)| classes.contains(class));
        if others.is_empty() {
            return (Cow::Borrowed(self), others);
        }
        let kept: Vec<Class> = kept.into_iter().map(|(class, _)| class).collect();
        let new: Vec<Option<u32>> = (self.classes.iter())
            .map(|class| kept.iter().position(|kept| kept == class).map(|at| at as u32))
            .collect();
        let (rows, targets) = (0..)
            .zip(&self.targets)
            .filter_map(|(row, &target)| Some((row, new[target as usize]?)))
            .unzip::<u32, u32, Vec<u32>, Vec<u32>>();
        (Cow::Owned(Self { features: self.features.select(&rows), targets, classes: kept }), others)
    }

    /// Some of the samples.
    pub(super) fn select(&self, rows: &[u32]) -> Self {
        let targets = rows.iter().map(|&row| self.targets[row as usize]).collect();
        Self { features: self.features.select(rows), targets, classes: self.classes.clone() }
    }

    /// The same samples with their columns in the order of `names`.
    ///
    /// # Errors
    /// [`Mismatch`] when the features have other names.
    pub(super) fn aligned_to(self, names: &[String]) -> Result<Self, Mismatch> {
        Ok(Self { features: self.features.aligned_to(names)?, ..self })
    }

    /// The same samples in a pseudorandom order that depends only on the samples themselves: sorted by a hash of the
    /// values of each.
    ///
    /// Of more than `max` samples, those with the smallest hash of values and repetition are kept, and the first few of
    /// every class: a uniform sample that does not depend on the order of the batches. (Fewer of equal samples are kept
    /// with every further batch, because their repetitions are counted anew.)
    #[must_use]
    pub fn canonical(self, max: usize) -> Self {
        self.select(&self.canonical_rows(max))
    }

    /// The positions of the samples of [`Labelled::canonical`]. Equal samples stay in their order.
    pub(super) fn canonical_rows(&self, max: usize) -> Vec<u32> {
        let hashes = self.row_hashes();
        let mut rows: Vec<u32> = (0..self.targets.len() as u32).collect();
        rows.sort_by_key(|&row| hashes[row as usize]);
        if rows.len() > max {
            rows = self.subsample(&rows, &hashes, max);
        }
        rows
    }

    /// A hash of each sample's values and class that depends neither on which columns vary nor on the order of the
    /// samples.
    pub(super) fn row_hashes(&self) -> Vec<u64> {
        let of_class = |&target: &u32| splitmix(self.classes[target as usize].number().to_bits() ^ u64::MAX);
        let rows: Vec<u32> = (0..self.targets.len() as u32).collect();
        let features = self.features.row_hashes(&rows);
        self.targets
            .iter()
            .zip(features)
            .map(|(target, sum)| splitmix(of_class(target).wrapping_add(sum)))
            .collect()
    }

    /// `max` of `rows` (sorted by hash) in their order: those with the smallest hash of their values and of the number
    /// of equal rows before them; and the first few of every class, so that no class is lost.
    fn subsample(&self, rows: &[u32], hashes: &[u64], max: usize) -> Vec<u32> {
        let mut repetition = 0_u64;
        let mut keyed: Vec<(u64, usize)> = Vec::with_capacity(rows.len());
        for (at, &row) in rows.iter().enumerate() {
            let hash = hashes[row as usize];
            let repeats = at > 0 && hashes[rows[at - 1] as usize] == hash;
            repetition = if repeats { repetition + 1 } else { 0 };
            keyed.push((splitmix(hash ^ splitmix(repetition)), at));
        }
        keyed.sort_unstable();
        let mut of_class = vec![0_usize; self.classes.len()];
        let mut kept: Vec<usize> = Vec::with_capacity(max);
        for (rank, &(_, at)) in keyed.iter().enumerate() {
            let seen = &mut of_class[self.targets[rows[at] as usize] as usize];
            *seen += 1;
            if rank < max || *seen <= MIN_OF_A_CLASS {
                kept.push(at);
            }
        }
        kept.sort_unstable();
        kept.into_iter().map(|at| rows[at]).collect()
    }
}

/// The minimum number of samples of a class that are kept, even beyond the maximum.
const MIN_OF_A_CLASS: usize = 20;

/// The first list, when it has all classes of the second; otherwise all classes, ascending.
fn union_of_classes(first: &[Class], second: &[Class]) -> Vec<Class> {
    if second.iter().all(|class| first.contains(class)) {
        return first.to_vec();
    }
    let mut all: Vec<Class> = first.iter().chain(second).copied().collect();
    all.sort_by(|a, b| a.number().total_cmp(&b.number()));
    all.dedup();
    all
}
