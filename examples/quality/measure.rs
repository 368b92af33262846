//! Trains and tests this product, and for comparison a baseline that predicts the classes' shares.

use std::time::Instant;

use moodle_mlbackend::dataset::Labelled;
use moodle_mlbackend::learning::{CalibrationData, rate, train};
use ndarray::Array2;

use crate::Failure;
use crate::record::{Rated, Record};
use crate::task::{Task, all_rows};

/// The name of this product in tables.
pub const OURS: &str = "moodle-mlbackend";

/// The baseline: every sample gets the shares that the classes have in the training part.
pub const SHARES: &str = "class shares";

/// One record for each method.
pub fn measure(task: &Task) -> Result<Vec<Record>, Failure> {
    let (mut ours, mut shares) = (Measured::new(task, OURS), Measured::new(task, SHARES));
    for (number, split) in task.splits.iter().enumerate() {
        let (learnt, rated) = (task.learnt(split), task.rated(split));
        eprintln!("{}: {} of {}", task.name, number + 1, task.splits.len());
        shares.add(&rated, &shares_for(&learnt, &rated), [0.0; 2]);

        let begin = Instant::now();
        // As the server does, so that the model does not depend on the order of the rows.
        let model = train(&learnt.canonical(usize::MAX))
            .map_err(|error| format!("{}, split {}: {error}", task.name, number + 1))?;
        let train_seconds = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let probabilities = model.probabilities(rated.features(), &all_rows(&rated));
        ours.add(&rated, &probabilities, [train_seconds, begin.elapsed().as_secs_f64()]);
        if number == 0 {
            ours.record.decisions = model.decisions().to_vec();
        }
    }
    Ok(vec![ours.record(), shares.record()])
}

/// A record in the making.
struct Measured {
    record: Record,
    calibration: CalibrationData,
}

impl Measured {
    fn new(task: &Task, method: &str) -> Self {
        let record = Record { task: task.name.clone(), method: method.to_owned(), ..Record::default() };
        Self { record, calibration: CalibrationData::default() }
    }

    fn add(&mut self, samples: &Labelled, probabilities: &Array2<f64>, seconds: [f64; 2]) {
        let evaluation = rate(samples, probabilities);
        let figures = evaluation.mean;
        let areas: Vec<f64> =
            evaluation.iterations.iter().flat_map(|all| &all.roc).map(|curve| curve.auc).collect();
        self.record.splits.push(Rated {
            accuracy: figures.accuracy,
            balanced_accuracy: figures.balanced_accuracy,
            f1: figures.f1,
            auc: (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64),
            log_loss: figures.log_loss,
            brier: figures.brier,
            train_seconds: seconds[0],
            predict_seconds: seconds[1],
        });
        let targets: Vec<usize> = samples.targets().iter().map(|&target| target as usize).collect();
        self.calibration =
            std::mem::take(&mut self.calibration).merged_with(CalibrationData::of(probabilities, &targets));
    }

    fn record(mut self) -> Record {
        self.record.calibration_error = Some(self.calibration.calibration().error);
        self.record
    }
}

fn shares_for(learnt: &Labelled, rated: &Labelled) -> Array2<f64> {
    let counts = learnt.class_counts();
    let n = learnt.targets().len() as f64;
    Array2::from_shape_fn((rated.targets().len(), counts.len()), |(_, class)| counts[class] as f64 / n)
}
