//! The report as a whole: its files, its charts, and that it can be written for any evaluation.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use rstest::rstest;

use super::svg::Colour;
use super::*;
use crate::learning::{
    Calibration, CalibrationBin, ClassMetrics, Evaluation, FeatureImportance, Iteration, LearningPoint,
    Metrics, ProbabilityCounts, RocCurve,
};

/// The report's files by their names.
fn written(report: &RunReport<'_>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let store = |name: &str, bytes: &[u8]| {
        files.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    };
    write(report, store).expect("a report can be written");
    files
}

/// Width, height and pixels of a PNG.
fn pixels(bytes: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
    let mut decoder = png::Decoder::new(io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut rgb = vec![0; reader.output_buffer_size().expect("a small picture")];
    let info = reader.next_frame(&mut rgb).expect("pixels");
    (info.width, info.height, rgb.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect())
}

fn share_of(Colour(red, green, blue): Colour, pixels: &[[u8; 3]]) -> f64 {
    pixels.iter().filter(|pixel| **pixel == [red, green, blue]).count() as f64 / pixels.len() as f64
}

#[test]
fn a_report_has_a_page_an_info_log_charts_report_json_and_events() {
    let evaluation = fixtures::evaluation(2, 10);
    let files = written(&fixtures::report(Some(&evaluation), 0));
    let events = "tensor/train/events.out.tfevents.1795241643.moodle-mlbackend";
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [
            "calibration.png",
            "confusion.png",
            "importance.png",
            "info.log",
            "precision-recall.png",
            "probabilities.png",
            "report.html",
            "report.json",
            "roc-curve.png",
            events,
            "thresholds.png"
        ]
    );
}

#[test]
fn many_classes_have_no_pictures_that_could_not_be_read() {
    let mut evaluation = fixtures::evaluation(30, 2);
    evaluation.importance.clear();
    let files = written(&fixtures::report(Some(&evaluation), 0));
    let is_picture = |name: &&str| Path::new(name).extension().is_some_and(|kind| kind == "png");
    let pictures: Vec<&str> = files.keys().map(String::as_str).filter(is_picture).collect();
    assert_eq!(pictures, ["calibration.png", "probabilities.png", "roc-curve.png"]);
}

/// An evaluation of the largest dataset that is common: 422 columns, all remarkable.
#[test]
fn the_page_and_the_zip_stay_small_with_422_columns() {
    let mut evaluation = fixtures::evaluation(2, 100);
    let name =
        |at: usize| format!(r"\local_a_long_plugin_name\analytics\indicator\cognitive_depth_number_{at}/3");
    evaluation.importance = (0..422)
        .map(|at| FeatureImportance { feature: name(at), ..evaluation.importance[0].clone() })
        .collect();
    for iteration in &mut evaluation.iterations {
        iteration.decisions = vec!["Tried logistic regression on features and missing flags.".repeat(4); 12];
    }
    evaluation.groups = Some(fixtures::groups());
    let quality = crate::dataset::DataQuality {
        duplicate_columns: (0..421).map(|at| (name(at + 1), name(at))).collect(),
        ..crate::dataset::DataQuality::default()
    };
    let mut drift = fixtures::drift();
    drift.features = (0..422)
        .map(|at| crate::learning::FeatureDrift { feature: name(at), ..drift.features[0].clone() })
        .collect();
    let mut report = fixtures::report(Some(&evaluation), 0);
    (report.quality, report.drift, report.rated_trained_model) = (Some(&quality), Some(&drift), true);
    let files = written(&report);
    assert!(files["report.html"].len() < 400_000, "{}", files["report.html"].len());
    let names: Vec<String> = files.keys().cloned().collect();
    let zip = zip(&names, |name| Ok(files[name].clone())).expect("packed");
    assert!(zip.len() < 1_000_000, "{}", zip.len());
}

#[rstest]
#[case::roc("roc-curve.png", &[
    ("background", chart::WHITE, 0.5),
    ("mean curve", chart::colour(0), 0.001),
    ("iterations", chart::pale(chart::colour(0)), 0.001),
    ("diagonal", chart::DIAGONAL, 0.0005),
    ("text", chart::INK, 0.0005),
])]
#[case::thresholds("thresholds.png", &[
    ("background", chart::WHITE, 0.5),
    ("precision", chart::colour(0), 0.001),
    ("recall", chart::colour(1), 0.001),
    ("text", chart::INK, 0.0005),
])]
#[case::precision_recall("precision-recall.png", &[("curve", chart::colour(0), 0.001)])]
#[case::probabilities("probabilities.png", &[
    ("one class", chart::colour(0), 0.005),
    ("the other", chart::colour(1), 0.005),
])]
#[case::importance("importance.png", &[("bars", chart::colour(0), 0.005), ("names", chart::INK, 0.0005)])]
#[case::confusion("confusion.png", &[("counts", chart::WHITE, 0.1), ("names", chart::INK, 0.0005)])]
#[case::calibration("calibration.png", &[
    ("dots", chart::colour(0), 0.0005),
    ("standard errors", chart::pale(chart::colour(0)), 0.0005),
    ("diagonal", chart::DIAGONAL, 0.0005),
])]
fn a_chart_shows_its_elements(#[case] file: &str, #[case] elements: &[(&str, Colour, f64)]) {
    let evaluation = fixtures::evaluation(2, 10);
    let files = written(&fixtures::report(Some(&evaluation), 0));
    let (width, height, pixels) = pixels(&files[file]);
    assert_eq!((width, height), chart::SIZE);
    for &(element, colour, min_share) in elements {
        let share = share_of(colour, &pixels);
        assert!(share > min_share, "{element}: {share}");
    }
}

#[test]
fn each_of_three_classes_has_a_colour_of_its_own() {
    let evaluation = fixtures::evaluation(3, 3);
    let files = written(&fixtures::report(Some(&evaluation), 0));
    let (_, _, pixels) = pixels(&files["roc-curve.png"]);
    assert!((0..3).all(|n| share_of(chart::colour(n), &pixels) > 0.001));
    assert!(share_of(chart::colour(3), &pixels) < 0.0001);
}

#[test]
fn a_run_without_results_has_a_chart_with_the_reason() {
    let files = written(&fixtures::report(None, 8));
    let (width, height, pixels) = pixels(&files["roc-curve.png"]);
    assert_eq!((width, height), chart::SIZE);
    assert!(share_of(chart::colour(0), &pixels) < 0.0001, "no curve");
    assert!(share_of(chart::INK, &pixels) > 0.0005, "a message");
}

#[test]
fn names_the_file_that_could_not_be_stored() {
    let error = write(&fixtures::report(None, 8), |_, _| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
    assert!(error.to_string().starts_with("the report's file info.log"), "{error}");
    assert!(error.is_no_space());
}

/// Writes reports to look at: `REPORT_SAMPLES=DIR cargo test --lib report -- --ignored`.
#[test]
#[ignore = "writes reports to look at"]
#[allow(clippy::disallowed_methods, reason = "reports to look at")]
fn writes_sample_reports() {
    let Some(dir) = std::env::var_os("REPORT_SAMPLES") else { panic!("set REPORT_SAMPLES to a directory") };
    for (name, evaluation) in [
        ("two", Some(fixtures::evaluation(2, 10))),
        ("one", Some(fixtures::evaluation(2, 1))),
        ("three", Some(fixtures::evaluation(3, 10))),
        ("many", Some(fixtures::evaluation(12, 5))),
        ("crowd", Some(fixtures::evaluation(2, 300))),
        ("none", None),
    ] {
        let dir = Path::new(&dir).join(name);
        let drift = fixtures::drift();
        let evaluation =
            evaluation.map(|evaluation| Evaluation { groups: Some(fixtures::groups()), ..evaluation });
        let mut report = fixtures::report(evaluation.as_ref(), if evaluation.is_some() { 0 } else { 8 });
        if name == "one" {
            (report.rated_trained_model, report.drift) = (true, Some(&drift));
        }
        let files = written(&report);
        for (name, bytes) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("created");
            std::fs::write(path, bytes).expect("written");
        }
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..=1.0, 1 => any::<f64>()]
}

prop_compose! {
    fn any_metrics()(
        auc in proptest::option::of(any_number()),
        average_precision in proptest::option::of(any_number()),
        n in proptest::array::uniform9(any_number()),
    ) -> Metrics {
        let [balanced_accuracy, accuracy, precision, recall, f1, log_loss, brier, majority_accuracy, mcc] = n;
        Metrics {
            auc, balanced_accuracy, accuracy, precision, recall, f1, log_loss, brier, majority_accuracy, mcc,
            average_precision,
        }
    }
}

prop_compose! {
    fn any_curve()(
        class in 0_usize..5,
        points in proptest::collection::vec((any_number(), any_number()), 0..30),
        auc in any_number(),
    ) -> RocCurve {
        RocCurve { class, points, auc }
    }
}

prop_compose! {
    fn any_calibration()(
        bins in proptest::collection::vec((any_number(), any_number(), any::<usize>()), 0..12),
        error in any_number(),
    ) -> Calibration {
        let bin = |(predicted, observed, samples)| CalibrationBin { predicted, observed, samples };
        Calibration { bins: bins.into_iter().map(bin).collect(), error }
    }
}

prop_compose! {
    fn any_class()(
        n in proptest::array::uniform3(any_number()),
        support in any::<usize>(),
        auc in proptest::option::of(any_number()),
    ) -> ClassMetrics {
        let [precision, recall, f1] = n;
        ClassMetrics { precision, recall, f1, support, auc }
    }
}

prop_compose! {
    fn any_iteration()(
        training_samples in any::<usize>(),
        test_samples in any::<usize>(),
        metrics in any_metrics(),
        per_class in proptest::collection::vec(any_class(), 0..4),
        calibration in any_calibration(),
        roc in proptest::collection::vec(any_curve(), 0..4),
        confusion in proptest::collection::vec(proptest::collection::vec(any::<usize>(), 0..4), 0..4),
        decisions in proptest::collection::vec(any::<String>(), 0..3),
    ) -> Iteration {
        Iteration { training_samples, test_samples, metrics, per_class, calibration, roc, confusion, decisions }
    }
}

fn any_counts() -> impl Strategy<Value = ProbabilityCounts> {
    let counts = || proptest::collection::vec(0_usize..1_000_000, 0..120);
    (counts(), counts()).prop_map(|(members, others)| ProbabilityCounts { members, others })
}

fn any_importance() -> impl Strategy<Value = FeatureImportance> {
    (any::<String>(), any_number(), any_number(), proptest::option::of(any_number())).prop_map(
        |(feature, loss_increase, deviation, direction)| FeatureImportance {
            feature,
            loss_increase,
            deviation,
            direction,
        },
    )
}

fn any_point() -> impl Strategy<Value = LearningPoint> {
    (any::<usize>(), any_number(), proptest::option::of(any_number()), any_number()).prop_map(
        |(training_samples, score, auc, log_loss)| LearningPoint { training_samples, score, auc, log_loss },
    )
}

prop_compose! {
    fn any_evaluation()(
        classes in proptest::collection::vec(any::<String>(), 0..4),
        iterations in proptest::collection::vec(any_iteration(), 0..4),
        requested_iterations in 0_usize..10,
        mean in any_metrics(),
        per_class in proptest::collection::vec(any_class(), 0..4),
        calibration in any_calibration(),
        probabilities in any_counts(),
        importance in proptest::collection::vec(any_importance(), 0..3),
        learning_curve in proptest::collection::vec(any_point(), 0..5),
        auc_deviation in proptest::option::of(any_number()),
        score_deviation in any_number(),
        grouped_score in proptest::option::of(any_number()),
    ) -> Evaluation {
        Evaluation {
            classes, requested_iterations, iterations, mean, per_class, calibration, probabilities,
            importance, learning_curve, auc_deviation, score_deviation,
            grouped_score,
            groups: None,
        }
    }
}

proptest! {
    // Each case draws up to seven charts.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn writes_a_report_of_any_evaluation(
        evaluation in proptest::option::of(any_evaluation()),
        status in any::<u8>(),
        label in any::<String>(),
        samples in any::<usize>(),
        started in -377_705_116_800_i64..253_402_207_200,
        rated_trained_model in any::<bool>(),
    ) {
        let mut report = fixtures::report(evaluation.as_ref(), status);
        report.dataset.class_counts = vec![(label, samples / 2), ("1".to_owned(), samples / 2)];
        report.dataset.samples = samples;
        report.started = jiff::Timestamp::from_second(started).expect("a time");
        report.rated_trained_model = rated_trained_model;
        prop_assert!(written(&report).values().all(|bytes| !bytes.is_empty()));
    }
}
