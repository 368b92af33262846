//! Trains and tests this product, and for comparison a baseline that predicts the classes' shares.

use std::time::Instant;

use moodle_mlbackend::dataset::Labelled;
use moodle_mlbackend::learning::{CalibrationData, evaluate_predictions, train};
use ndarray::Array2;

use crate::Failure;
use crate::record::{Record, SplitMetrics};
use crate::task::{Task, all_rows};

/// The name of this product in tables.
pub const OURS: &str = "moodle-mlbackend";

/// The baseline: predicts the shares of the classes in the training part for every sample.
pub const SHARES: &str = "class shares";

/// One record for each method.
pub fn measure(task: &Task) -> Result<Vec<Record>, Failure> {
    let (mut ours, mut shares) = (Measurement::new(task, OURS), Measurement::new(task, SHARES));
    for (number, split) in task.splits.iter().enumerate() {
        let (train_set, test_set) = (task.train_set(split), task.test_set(split));
        eprintln!("{}: {} of {}", task.name, number + 1, task.splits.len());
        shares.add(&test_set, &shares_of(&train_set, &test_set), [0.0; 2]);

        let begin = Instant::now();
        // As in the server: the model must not depend on the order of the rows.
        let model = train(&train_set.canonical(usize::MAX))
            .map_err(|error| format!("{}, split {}: {error}", task.name, number + 1))?;
        let train_seconds = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let probabilities = model.probabilities(test_set.features(), &all_rows(&test_set));
        ours.add(&test_set, &probabilities, [train_seconds, begin.elapsed().as_secs_f64()]);
        if number == 0 {
            ours.record.decisions = model.decisions;
        }
    }
    Ok(vec![ours.record(), shares.record()])
}

/// The results so far of one method on one task.
struct Measurement {
    record: Record,
    calibration: CalibrationData,
}

impl Measurement {
    fn new(task: &Task, method: &str) -> Self {
        let record = Record { task: task.name.clone(), method: method.to_owned(), ..Record::default() };
        Self { record, calibration: CalibrationData::default() }
    }

    fn add(&mut self, samples: &Labelled, probabilities: &Array2<f64>, seconds: [f64; 2]) {
        let evaluation = evaluate_predictions(samples, probabilities);
        let metrics = evaluation.mean;
        let areas: Vec<f64> =
            evaluation.iterations.iter().flat_map(|all| &all.roc).map(|curve| curve.auc).collect();
        self.record.splits.push(SplitMetrics {
            accuracy: metrics.accuracy,
            balanced_accuracy: metrics.balanced_accuracy,
            f1: metrics.f1,
            auc: (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64),
            log_loss: metrics.log_loss,
            brier: metrics.brier,
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

fn shares_of(train_set: &Labelled, test_set: &Labelled) -> Array2<f64> {
    let counts = train_set.class_counts();
    let n = train_set.targets().len() as f64;
    Array2::from_shape_fn((test_set.targets().len(), counts.len()), |(_, class)| counts[class] as f64 / n)
}
