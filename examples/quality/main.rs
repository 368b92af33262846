//! Measures the quality of predictions: accuracy, calibration and times on any labelled dataset.
//!
//! `run` measures this product and prints a table, or one JSON record per line with `--json`; `--plan` writes the rows of
//! each split, so that `benches/python/compare.py` can test other methods on the same rows. `table` prints one table of
//! the records of both. `benches/quality.sh` does all of that with one command.
//!
//! ```text
//! cargo run --release --example quality -- run --repeats 10 dataset.csv.gz
//! cargo run --release --example quality -- run --train a.csv --predict b.csv --answers b.json
//! cargo run --release --example quality -- run --waves 50,100,1000
//! cargo run --release --example quality -- table ours.jsonl theirs.jsonl
//! ```

mod measure;
mod plan;
mod record;
mod table;
mod task;
mod waves;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use record::Record;
use task::Task;

/// Any error that stops a measurement.
type Failure = Box<dyn Error>;

/// Measures the quality of predictions.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains and tests, and prints the results.
    Run(Run),
    /// Prints one table of records that were written with --json.
    Table {
        /// Files of records, one per line.
        #[arg(required = true)]
        records: Vec<PathBuf>,
    },
}

#[derive(Args)]
struct Run {
    /// Labelled datasets of Moodle's format, also gzipped: each is split 80/20 several times.
    datasets: Vec<PathBuf>,
    /// The number of splits of each dataset.
    #[arg(long, default_value_t = 10)]
    repeats: u64,
    /// Trains on this many samples of the 80 % only, like those of a small site.
    #[arg(long)]
    max_train: Option<usize>,
    /// Trains on each training sample this many times.
    #[arg(long, default_value_t = 1, value_name = "N")]
    copies: usize,
    /// With --copies, trains on each sample between once and N times.
    #[arg(long)]
    uneven: bool,
    /// A labelled dataset to train on, once, with all its samples.
    #[arg(long, requires_all = ["predict", "answers"])]
    train: Option<PathBuf>,
    /// The dataset without classes to test on.
    #[arg(long, requires = "train")]
    predict: Option<PathBuf>,
    /// Its classes: JSON, {"sample id": class, …}.
    #[arg(long, requires = "train")]
    answers: Option<PathBuf>,
    /// Trains on this many points of cos(a) > sin(b) and tests on 20,000 others.
    #[arg(long, value_delimiter = ',')]
    waves: Vec<usize>,
    /// The number of sets of points; a model is trained on each.
    #[arg(long, default_value_t = 10)]
    seeds: usize,
    /// A directory for plan.json: the rows of each split, to test other methods on them.
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Prints one JSON record per line instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Failure> {
    match Cli::parse().command {
        Command::Run(run) => measure_all(&run),
        Command::Table { records } => {
            let records: Vec<Record> =
                records.iter().map(|path| record::read(path)).collect::<Result<Vec<_>, _>>()?.concat();
            print!("{}", table::of(&records));
            Ok(())
        }
    }
}

fn measure_all(run: &Run) -> Result<(), Failure> {
    let tasks = tasks(run)?;
    if tasks.is_empty() {
        return Err("nothing to measure: name a dataset, or --train, or --waves".into());
    }
    if let Some(directory) = &run.plan {
        plan::write(directory, &tasks)?;
    }
    let mut records = Vec::new();
    for task in &tasks {
        for record in measure::measure(task)? {
            if run.json {
                println!("{}", serde_json::to_string(&record)?);
            }
            records.push(record);
        }
    }
    if !run.json {
        print!("{}", table::of(&records));
        print!("{}", table::decisions(&records));
    }
    Ok(())
}

fn tasks(run: &Run) -> Result<Vec<Task>, Failure> {
    let mut tasks = Vec::new();
    for path in &run.datasets {
        tasks.push(Task::repeated(path, run.repeats, run.max_train)?);
    }
    if let (Some(train), Some(predict), Some(answers)) = (&run.train, &run.predict, &run.answers) {
        tasks.push(Task::with_answers(train, predict, answers)?);
    }
    tasks.extend(run.waves.iter().map(|&points| waves::task(points, run.seeds)));
    if run.copies > 1 {
        tasks.iter_mut().for_each(|task| task.repeat_rows(run.copies, run.uneven));
    }
    Ok(tasks)
}
