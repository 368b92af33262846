//! The datasets of Moodle's own tests, with the replies that Moodle expects.

use std::io::Read as _;

use moodle_mlbackend::backend::{EvaluationFigures, EvaluationReply};
use rstest::rstest;

use crate::common::{Prediction, TestModel, shared};

/// A file of the recorded data, unpacked; reports a skipped test when it is missing.
pub(super) fn recorded(path: &str) -> Option<Vec<u8>> {
    let bytes = shared(std::thread::current().name().unwrap_or("a test"), path)?;
    if std::path::Path::new(path).extension().is_none_or(|extension| extension != "gz") {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).expect("a gzip file");
    Some(plain)
}

fn moodle(name: &str) -> Option<Vec<u8>> {
    recorded(&format!("moodle/{name}.csv"))
}

pub(super) fn figures(reply: &EvaluationReply) -> &EvaluationFigures {
    reply.figures.as_ref().unwrap_or_else(|| panic!("no figures: {reply:?}"))
}

/// Sample ids with their classes.
fn classes(predictions: &[Prediction]) -> Vec<(&str, &str)> {
    predictions.iter().map(|prediction| (prediction.id.as_str(), prediction.class.as_str())).collect()
}

#[test]
fn predicts_courses_by_their_name_before_and_after_an_incremental_training() {
    let batches = ["20x3-training", "2x3-incremental-training", "2x3-prediction"]
        .map(|name| moodle(&format!("moodletest-no_splitting-{name}")));
    let [Some(first), Some(more), Some(samples)] = batches else { return };
    let model = TestModel::new();
    for batch in [first, more] {
        model.train(&batch);
        let predictions = model.predict(&samples);
        assert_eq!(classes(&predictions), [("183021-0", "0"), ("183020-0", "1")]);
        assert!(
            predictions.iter().all(|prediction| prediction.probability >= 0.6),
            "Moodle ignores lower probabilities: {predictions:?}"
        );
    }
}

#[test]
fn predicts_the_same_after_a_move_to_another_site() {
    let (Some(training), Some(samples)) =
        (moodle("moodletest-quarters-80x7-training"), moodle("students-at-risk-quarters-prediction"))
    else {
        return;
    };
    let model = TestModel::trained(&training);
    // The training samples as a dataset for prediction.
    let text = String::from_utf8(training).expect("text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (number, line) in lines.iter_mut().enumerate().skip(2) {
        let features = &line[..line.rfind(',').expect("cells")];
        *line = if number == 2 { format!("sampleid,{features}") } else { format!("{number}-0,{features}") };
    }
    let own = lines.join("\n");
    let imported = TestModel::new();
    imported.try_import(&model.export()).expect("imported");
    let predictions = imported.predict(own.as_bytes());
    assert_eq!(predictions.len(), 80);
    assert_eq!(predictions, model.predict(own.as_bytes()));
    assert!(imported.try_predict(&samples).is_err(), "a dataset with other features is refused");
}

#[test]
fn separates_three_classes() {
    let (Some(training), Some(samples)) =
        (moodle("moodletest-multiclass-15x2-training"), moodle("moodletest-multiclass-3x2-prediction"))
    else {
        return;
    };
    let predictions = TestModel::trained(&training).predict(&samples);
    assert_eq!(classes(&predictions), [("183017-0", "2"), ("183016-0", "1"), ("183015-0", "0")]);
}

#[rstest]
#[case("moodletest-degenerate-1-sample", 8)]
#[case("moodletest-degenerate-2-samples-same-class", 8)]
#[case("moodletest-degenerate-2-samples-2-classes", 0)]
#[case("moodletest-degenerate-4-samples-2-classes", 0)]
fn returns_status_8_for_a_training_that_lacks_a_class_and_0_otherwise(
    #[case] name: &str,
    #[case] status: u8,
) {
    let Some(training) = moodle(name) else { return };
    let model = TestModel::new();
    let reply = model.try_train(&training).expect("a reply");
    assert_eq!(reply.status.0, status);
    assert_eq!(reply.errors.is_some(), status == 8);
    assert_eq!(model.model_dir().current().expect("readable").is_some(), status == 0);
}

#[rstest]
#[case("site_users", "8x1", "4x1", 5.0 / 8.0)]
#[case("course_users", "12x1", "8x1", 10.0 / 12.0)]
fn predicts_the_majority_class_and_its_share_when_nothing_varies(
    #[case] target: &str,
    #[case] training: &str,
    #[case] prediction: &str,
    #[case] share: f64,
) {
    let (Some(training), Some(samples)) = (
        moodle(&format!("moodle5-privacy-{target}-{training}-constant-training")),
        moodle(&format!("moodle5-privacy-{target}-{prediction}-prediction")),
    ) else {
        return;
    };
    let predictions = TestModel::trained(&training).predict(&samples);
    assert!(predictions.len() >= 4);
    for prediction in predictions {
        assert_eq!(prediction.class, "1", "{prediction:?}");
        assert!((prediction.probability - share).abs() < 0.02, "{prediction:?}, expected {share}");
    }
}

#[rstest]
#[case("moodletest-bad-quarters-400x8-evaluation")]
#[case("moodletest-bad-single_range-100x4-evaluation")]
fn reports_that_uninformative_indicators_are_not_good(#[case] name: &str) {
    let Some(dataset) = moodle(name) else { return };
    let reply = TestModel::new().evaluate(&dataset, 10);
    assert_eq!(reply.status.0 & 4, 4, "{reply:?}");
    assert!(figures(&reply).score < 0.7, "{reply:?}");
    assert!(reply.info.iter().any(|line| line.contains("prediction accuracy is not very good")), "{reply:?}");
}

#[rstest]
#[case("moodletest-good-quarters-400x7-evaluation")]
#[case("moodletest-good-single_range-100x3-evaluation")]
fn scores_1_with_fully_informative_indicators(#[case] name: &str) {
    let Some(dataset) = moodle(name) else { return };
    let reply = TestModel::new().evaluate(&dataset, 10);
    assert_eq!((reply.status.0, figures(&reply).score), (0, 1.0), "{reply:?}");
    assert!(reply.info[0].starts_with("Good enough to use: "), "{reply:?}");
}

#[test]
fn scores_exactly_1_on_its_own_training_samples() {
    let Some(dataset) = moodle("moodletest-good-quarters-400x7-evaluation") else { return };
    let trained = TestModel::trained(&dataset);
    let reply = TestModel::new().evaluate_trained(&trained, &dataset);
    assert_eq!((reply.status.0, figures(&reply).score), (0, 1.0), "{reply:?}");
}

#[test]
fn trains_predicts_and_evaluates_students_at_risk_of_a_whole_site() {
    let files = ["training", "prediction", "evaluation"]
        .map(|kind| moodle(&format!("students-at-risk-quarters-{kind}")));
    let [Some(training), Some(samples), Some(evaluation)] = files else { return };
    let model = TestModel::trained(&training);
    let predictions = model.predict(&samples);
    assert_eq!(predictions.len(), String::from_utf8_lossy(&samples).lines().count() - 3);
    assert!(
        predictions.iter().all(|prediction| (0.5..=1.0).contains(&prediction.probability)),
        "{predictions:?}"
    );

    let reply = model.evaluate(&evaluation, 10);
    assert!(figures(&reply).score >= 0.80, "{reply:?}");
    assert_eq!(reply.status.0, 0, "{reply:?}");
    assert_eq!(model.predict(&samples), predictions, "an evaluation does not change the model");
}
