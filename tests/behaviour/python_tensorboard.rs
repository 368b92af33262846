//! `TensorBoard` itself reads the event files of an evaluation.

use serde_json::Value;

use super::moodle_cases::figures;
use crate::common::{TestModel, python, run_script, waves};

/// The values of a tag in the only folder with events, which must have one value per step.
#[track_caller]
fn values(events: &Value, tag: &str) -> Vec<f64> {
    let folders = events.as_object().expect("folders");
    assert_eq!(folders.keys().collect::<Vec<_>>(), ["tensor/train"]);
    let points = folders["tensor/train"][tag].as_array().unwrap_or_else(|| panic!("no {tag}: {events}"));
    for (at, point) in points.windows(2).enumerate() {
        assert!(point[0][0].as_i64() < point[1][0].as_i64(), "{tag}: step {at}");
    }
    points.iter().map(|point| point[1].as_f64().expect("a number")).collect()
}

#[test]
fn reads_loss_accuracy_and_auc_of_each_iteration() {
    let Some(python) = python() else { return };
    let home = TestModel::new();
    let reply = home.evaluate(&waves(200, 1).labelled(), 4);
    let run = home.model_dir().run(reply.runid).expect("readable").expect("the run is there");
    let events = run_script(&python, "read_tensorboard.py", &[&run.path()]);
    let mean = |tag: &str| {
        let values = values(&events, tag);
        assert_eq!(values.len(), 4, "{tag}: {events}");
        values.iter().sum::<f64>() / 4.0
    };
    let measured = figures(&reply);
    assert!((mean("epoch_categorical_accuracy") - measured.accuracy).abs() < 1e-5, "{events}");
    assert!((mean("epoch_auc") - measured.auc.expect("two classes")).abs() < 1e-5, "{events}");
    assert!(mean("epoch_loss") > 0.0, "{events}");
}

#[test]
fn reads_the_curves_and_histograms_of_all_iterations() {
    let Some(python) = python() else { return };
    let home = TestModel::new();
    let reply = home.evaluate(&waves(200, 1).labelled(), 4);
    let run = home.model_dir().run(reply.runid).expect("readable").expect("the run is there");
    let events = run_script(&python, "read_tensorboard.py", &[&run.path()]);
    let curves = &events["tensor/train"]["curves"];
    let samples = |tag: &str| curves["histograms"][tag].as_f64().expect("a histogram");
    // Four times a fifth of 200 samples.
    let tested = samples("probability/first_class") + samples("probability/second_class");
    assert!((tested - 160.0).abs() < 1e-6, "{curves}");
    assert_eq!(curves["images"]["roc_curve"], serde_json::json!([1600, 1200]), "{curves}");
    let [precision, recall] = [0, 1].map(|row| {
        let row = curves["pr_curves"]["precision_recall"][row].as_array().expect("a curve");
        row.iter().map(|value| value.as_f64().expect("a number")).collect::<Vec<_>>()
    });
    // Everything is flagged at the threshold 0, and ever less.
    assert!((recall[0] - 1.0).abs() < 1e-6 && recall.is_sorted_by(|a, b| a >= b), "{recall:?}");
    let share = samples("probability/second_class") / tested;
    assert!((precision[0] - share).abs() < 1e-6, "{precision:?}");
}

#[test]
fn reads_the_evaluation_of_a_trained_model() {
    let Some(python) = python() else { return };
    let trained = TestModel::trained(&waves(200, 1).labelled());
    let home = TestModel::new();
    let reply = home.evaluate_trained(&trained, &waves(100, 2).labelled());
    let run = home.model_dir().run(reply.runid).expect("readable").expect("the run is there");
    let events = run_script(&python, "read_tensorboard.py", &[&run.path()]);
    let accuracy = values(&events, "epoch_categorical_accuracy");
    assert_eq!(accuracy.len(), 1, "{events}");
    assert!((accuracy[0] - figures(&reply).accuracy).abs() < 1e-5, "{events}");
}
