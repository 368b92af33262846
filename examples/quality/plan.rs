//! Writes the rows of each split, so that another program can test on the same rows.
//!
//! `plan.json` is a list of tasks: `train` and `test` are datasets in Moodle's format, `answers` the classes of the second
//! where it has none, and `splits` the rows of each.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use moodle_mlbackend::dataset::Labelled;
use serde::Serialize;

use crate::Failure;
use crate::task::{Source, Split, Task};

#[derive(Serialize)]
struct Planned<'a> {
    task: &'a str,
    train: PathBuf,
    /// The same as `train` when absent.
    test: Option<PathBuf>,
    /// JSON, {"sample id": class, …}; absent when `test` has the classes itself.
    answers: Option<PathBuf>,
    splits: &'a [Split],
}

/// Writes `plan.json` and generated datasets into a directory.
pub fn write(directory: &Path, tasks: &[Task]) -> Result<(), Failure> {
    fs::create_dir_all(directory)?;
    let mut planned = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let (train, test, answers) = match &task.source {
            Source::File(path) => (path.canonicalize()?, None, None),
            Source::Answers { train, predict, answers } => {
                (train.canonicalize()?, Some(predict.canonicalize()?), Some(answers.canonicalize()?))
            }
            Source::Generated => {
                let train = keep(directory, &format!("generated-{number}.csv"), &task.train)?;
                let test = task.test.as_ref();
                let test = test.map(|test| keep(directory, &format!("generated-{number}-test.csv"), test));
                (train, test.transpose()?, None)
            }
        };
        planned.push(Planned { task: &task.name, train, test, answers, splits: &task.splits });
    }
    put(&directory.join("plan.json"), &serde_json::to_string(&planned)?)
}

/// Writes samples in Moodle's format; numbers have enough digits to be read back exactly.
fn keep(directory: &Path, name: &str, samples: &Labelled) -> Result<PathBuf, Failure> {
    let labels: Vec<String> = samples.classes().iter().map(ToString::to_string).collect();
    let columns = samples.features().columns();
    let mut text = format!("nfeatures,targetclasses\n{},\"[{}]\"\n", columns.len(), labels.join(","));
    let _ = writeln!(text, "{},target", samples.features().names().join(","));
    for (row, &target) in samples.targets().iter().enumerate() {
        for column in columns {
            let _ = write!(text, "{},", column.value(row));
        }
        let _ = writeln!(text, "{}", labels[target as usize]);
    }
    let path = directory.canonicalize()?.join(name);
    put(&path, &text)?;
    Ok(path)
}

#[allow(clippy::disallowed_methods, reason = "a report of this program, in a directory given for it")]
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}
