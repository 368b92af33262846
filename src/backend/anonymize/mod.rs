//! Anonymizes a dataset for a bug report: other names, ids, order and values, while a model can still learn the same.
//!
//! Owns what is replaced, and the measurement of what a model can learn before and after. Must not know how either is shown.
//! docs/command-line.md says what this does not protect from.

mod column;
mod random;

use std::fmt::Write as _;

use serde::Serialize;

use super::learning_threads::on_learning_threads;
use super::{BackendError, Upload, open};
use crate::dataset::{DatasetError, Features, Header, Labelled, Limits, read_labelled, read_unlabelled};
use crate::learning::{self, Evaluation, Progress};
use column::{Changes, anonymized};
use random::Random;

/// How a dataset is anonymized.
#[derive(Debug, Clone, Copy)]
pub struct AnonymizeOptions {
    /// The same seed gives the same result for the same dataset.
    pub seed: u64,
    /// A value that occurs in fewer samples of its column is merged with its neighbours.
    pub min_count: usize,
    /// The number of random splits with which learnability is measured; 0 does not measure it.
    pub iterations: usize,
}

/// An anonymized dataset.
#[derive(Debug, Clone, Serialize)]
pub struct Anonymized {
    /// The file, in Moodle's format.
    #[serde(skip)]
    pub csv: Vec<u8>,
    /// The number of samples.
    pub samples: usize,
    /// The number of features.
    pub features: usize,
    /// Distinct values that were rare, and merged with their neighbours.
    pub merged_values: usize,
    /// Columns with an empty cell or a value in so few samples that these were replaced.
    pub filled_columns: usize,
    /// Absent when the dataset has no target, or too few samples of a class.
    pub learnability: Option<Learnability>,
}

/// What a model learns from the dataset before and after, measured on the same random splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Learnability {
    /// Of the original.
    pub before: Learned,
    /// Of the result.
    pub after: Learned,
}

/// The metrics of an evaluation on held-out samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Learned {
    /// Mean log-loss.
    pub log_loss: f64,
    /// Mean area under the ROC curve; two classes only.
    pub auc: Option<f64>,
}

impl From<&Evaluation> for Learned {
    fn from(evaluation: &Evaluation) -> Self {
        Self { log_loss: evaluation.mean.log_loss, auc: evaluation.mean.auc }
    }
}

/// Anonymizes a labelled or unlabelled dataset. `progress` counts the iterations of both measurements.
///
/// # Errors
/// [`BackendError::Dataset`] for anything but a dataset.
pub fn anonymize(
    dataset: impl Into<Upload>,
    limits: &Limits,
    options: AnonymizeOptions,
    progress: &dyn Progress,
) -> Result<Anonymized, BackendError> {
    let mut dataset = open(dataset)?;
    let labelled = match read_labelled(&mut dataset, limits) {
        Ok(file) => file,
        // Its first column has sample ids.
        Err(DatasetError::Name { .. }) => {
            let file = read_unlabelled(open(dataset)?, limits)?;
            let (mut random, columns, changes) = prepared(&file.features, options);
            let csv = unlabelled_csv(&file.header, file.features.rows(), &columns, &mut random);
            return Ok(changes.result(csv, &file.features, None));
        }
        Err(error) => return Err(error.into()),
    };
    let header = labelled.header.clone();
    let samples = labelled.into_samples()?;
    let (mut random, columns, changes) = prepared(samples.features(), options);
    let learnability = measured(&samples, &columns, options.iterations, progress);
    let csv = labelled_csv(&header, &samples, &columns, &mut random);
    Ok(changes.result(csv, samples.features(), learnability))
}

/// The columns with other values, in the order of the dataset.
fn prepared(features: &Features, options: AnonymizeOptions) -> (Random, Vec<Vec<f32>>, Changes) {
    let mut changes = Changes::default();
    let columns = features
        .columns()
        .iter()
        .map(|column| anonymized(column, features.rows(), options, &mut changes))
        .collect();
    (Random::new(options.seed), columns, changes)
}

impl Changes {
    fn result(self, csv: Vec<u8>, features: &Features, learnability: Option<Learnability>) -> Anonymized {
        Anonymized {
            csv,
            samples: features.rows(),
            features: features.columns().len(),
            merged_values: self.merged_values,
            filled_columns: self.filled_columns,
            learnability,
        }
    }
}

/// Both evaluations have the samples in the same order, hence the same splits.
fn measured(
    samples: &Labelled,
    columns: &[Vec<f32>],
    iterations: usize,
    progress: &dyn Progress,
) -> Option<Learnability> {
    if iterations == 0 {
        return None;
    }
    let names = samples.features().names().to_vec();
    let result = Labelled::new(
        Features::of_columns(names, columns),
        samples.targets().to_vec(),
        samples.classes().to_vec(),
    );
    let evaluated = |samples| on_learning_threads(|| learning::evaluate(samples, iterations, progress)).ok();
    let (before, after) = (evaluated(samples)?, evaluated(&result)?);
    Some(Learnability { before: Learned::from(&before), after: Learned::from(&after) })
}

/// The first two lines: what the reader needs, and nothing else.
fn head(header: &Header, features: usize) -> String {
    let classes: Vec<String> = header.classes.iter().map(ToString::to_string).collect();
    format!("nfeatures,targettype,targetclasses\n{features},discrete,\"[{}]\"\n", classes.join(","))
}

fn names(features: usize) -> String {
    (1..=features).map(|number| format!("feature{number}")).collect::<Vec<_>>().join(",")
}

fn labelled_csv(header: &Header, samples: &Labelled, columns: &[Vec<f32>], random: &mut Random) -> Vec<u8> {
    let order = random.order(columns.len());
    let mut csv = format!("{}{},target\n", head(header, columns.len()), names(columns.len()));
    for row in random.order(samples.targets().len()) {
        push_cells(&mut csv, order.iter().map(|&column| columns[column][row]));
        csv.push_str(&samples.classes()[samples.targets()[row] as usize].to_string());
        csv.push('\n');
    }
    csv.into_bytes()
}

fn unlabelled_csv(header: &Header, rows: usize, columns: &[Vec<f32>], random: &mut Random) -> Vec<u8> {
    let order = random.order(columns.len());
    let mut csv = format!("{}sampleid,{}\n", head(header, columns.len()), names(columns.len()));
    for (number, row) in random.order(rows).into_iter().enumerate() {
        let _ = write!(csv, "{}-0,", number + 1);
        push_cells(&mut csv, order.iter().map(|&column| columns[column][row]));
        csv.pop();
        csv.push('\n');
    }
    csv.into_bytes()
}

/// Each cell with a comma behind it.
fn push_cells(csv: &mut String, values: impl Iterator<Item = f32>) {
    for value in values {
        if !value.is_nan() {
            csv.push_str(&value.to_string());
        }
        csv.push(',');
    }
}

#[cfg(test)]
mod tests;
