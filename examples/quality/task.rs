//! What is learnt from and what is rated: datasets, and the rows of each split.
//!
//! Knows files and rows; must not know what is done with them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use moodle_mlbackend::dataset::{Labelled, Limits, read_labelled, read_unlabelled};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;

use crate::Failure;

/// Samples and how they are split.
pub struct Task {
    /// What it is called in tables.
    pub name: String,
    /// Where other programs find the same samples.
    pub source: Source,
    /// The samples of which each split learns some.
    pub learn: Labelled,
    /// The samples of which each split rates some; the same ones when there are none here.
    pub rate: Option<Labelled>,
    /// At least one.
    pub splits: Vec<Split>,
}

/// Where samples come from.
pub enum Source {
    /// A labelled file.
    File(PathBuf),
    /// A labelled file, one without classes, and its classes.
    Answers { train: PathBuf, predict: PathBuf, answers: PathBuf },
    /// Nowhere: they are made here.
    Made,
}

/// Rows, counted from 0 in the order of their file.
#[derive(Serialize)]
pub struct Split {
    pub learn: Vec<u32>,
    pub rate: Vec<u32>,
}

impl Task {
    /// A labelled file, split 80/20 `repeats` times; of the 80 % about `most` are learnt from.
    pub fn repeated(path: &Path, repeats: u64, most: Option<usize>) -> Result<Self, Failure> {
        let samples = labelled(path)?;
        let splits: Vec<Split> = (0..repeats).map(|seed| hold_out(&samples, most, seed)).collect();
        if splits.iter().any(|split| split.rate.is_empty()) {
            return Err(format!("{}: no class has two samples: nothing to rate", path.display()).into());
        }
        let learnt = most.map_or_else(|| "80/20".to_owned(), |most| format!("{most} learnt"));
        Ok(Self {
            name: format!("{}, {learnt} × {repeats}", name_of(path)),
            source: Source::File(path.to_owned()),
            learn: samples,
            rate: None,
            splits,
        })
    }

    /// Learns all of one file and rates all of another, whose classes stand in a third.
    pub fn with_answers(train: &Path, predict: &Path, answers: &Path) -> Result<Self, Failure> {
        let learn = labelled(train)?;
        let asked = read_unlabelled(open(predict)?, &Limits::default())
            .map_err(|error| format!("{}: {error}", predict.display()))?;
        let known: HashMap<String, f64> = serde_json::from_reader(BufReader::new(open(answers)?))
            .map_err(|error| format!("{}: {error}", answers.display()))?;
        let target_of = |id: &String| -> Result<u32, Failure> {
            let number = known.get(id).ok_or_else(|| format!("no answer for sample {id}"))?;
            let at = learn.classes().iter().position(|class| class.number().total_cmp(number).is_eq());
            Ok(at.ok_or_else(|| format!("sample {id}: {number} is no class of the training file"))? as u32)
        };
        let targets = asked.ids.iter().map(target_of).collect::<Result<Vec<_>, _>>()?;
        let features = asked.features.aligned_to(learn.features().names())?;
        let rate = Labelled::new(features, targets, learn.classes().to_vec());
        Ok(Self {
            name: format!("{} → answers", name_of(train)),
            source: Source::Answers {
                train: train.to_owned(),
                predict: predict.to_owned(),
                answers: answers.to_owned(),
            },
            splits: vec![Split { learn: all_rows(&learn), rate: all_rows(&rate) }],
            learn,
            rate: Some(rate),
        })
    }

    /// What a split learns from.
    pub fn learnt(&self, split: &Split) -> Labelled {
        some(&self.learn, &split.learn)
    }

    /// What a split rates.
    pub fn rated(&self, split: &Split) -> Labelled {
        some(self.rate.as_ref().unwrap_or(&self.learn), &split.rate)
    }
}

/// All rows of some samples.
pub fn all_rows(samples: &Labelled) -> Vec<u32> {
    (0..samples.targets().len() as u32).collect()
}

fn some(samples: &Labelled, rows: &[u32]) -> Labelled {
    let targets = rows.iter().map(|&row| samples.targets()[row as usize]).collect();
    Labelled::new(samples.features().select(rows), targets, samples.classes().to_vec())
}

/// A fifth of each class to rate, but of no class all; a class's single sample is learnt from. Of what
/// is left, each class gives its share of `most`, rounded up.
fn hold_out(samples: &Labelled, most: Option<usize>, seed: u64) -> Split {
    let all = samples.targets().len();
    let mut by_class = vec![Vec::new(); samples.classes().len()];
    for (row, &target) in samples.targets().iter().enumerate() {
        by_class[target as usize].push(row as u32);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut split = Split { learn: Vec::new(), rate: Vec::new() };
    for mut rows in by_class {
        for last in (1..rows.len()).rev() {
            let other = (u128::from(random.next_u64()) * (last as u128 + 1)) >> 64;
            rows.swap(last, other as usize);
        }
        let rated = ((rows.len() + 2) / 5).max(1).min(rows.len().saturating_sub(1));
        let share = most.map_or(rows.len(), |most| (rows.len() * most).div_ceil(all));
        split.rate.extend(&rows[..rated]);
        split.learn.extend(rows[rated..].iter().take(share));
    }
    split.rate.sort_unstable();
    split.learn.sort_unstable();
    split
}

fn labelled(path: &Path) -> Result<Labelled, Failure> {
    let read = || read_labelled(open(path)?, &Limits::default())?.into_samples().map_err(Failure::from);
    read().map_err(|error| format!("{}: {error}", path.display()).into())
}

fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    Ok(if gzipped { Box::new(GzDecoder::new(file)) } else { Box::new(file) })
}

/// `data/some-site.csv.gz` → `some-site`.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".gz").trim_end_matches(".csv").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use moodle_mlbackend::dataset::{Class, Features};

    #[test]
    fn a_split_rates_a_fifth_of_each_class_and_learns_the_rest() {
        let targets: Vec<u32> = (0..100).map(|row| u32::from(row >= 90)).collect();
        let column = (0..100_u8).map(f32::from).collect();
        let classes = vec![Class::new(0.0).unwrap(), Class::new(1.0).unwrap()];
        let samples = Labelled::new(Features::of_columns(vec!["a".into()], &[column]), targets, classes);
        let split = hold_out(&samples, None, 1);
        assert_eq!(split.rate.iter().filter(|&&row| row < 90).count(), 18);
        assert_eq!(split.rate.iter().filter(|&&row| row >= 90).count(), 2);
        let mut both = [split.learn, split.rate].concat();
        both.sort_unstable();
        assert_eq!(both, all_rows(&samples));
        assert_ne!(hold_out(&samples, None, 2).rate, hold_out(&samples, None, 3).rate);
        let few = hold_out(&samples, Some(10), 1);
        assert_eq!((few.learn.len(), few.rate.len()), (10, 20));
    }
}
