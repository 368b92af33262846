//! Event files for `TensorBoard`.
//!
//! Owns their format. An event file is a sequence of records: length (u64, little endian), the masked CRC-32C of
//! those eight bytes, the data, its masked CRC-32C. The data is an `Event` message of TensorFlow's `event.proto`
//! ([`super::tensorboard_messages`]). Must not know where the file is stored.
//!
//! Each iteration is a step with its scalars. The last step also has what is known of all iterations together: histograms of the
//! predicted probabilities, the precision-recall curve and the picture of the ROC curve, for which
//! `TensorBoard` has no plot.

use prost::Message as _;

use super::chart;
use super::tensorboard_messages::{
    Event, Histogram, Image, PluginData, PrCurveData, Summary, SummaryMetadata, SummaryValue, Tensor,
};
use super::{RunReport, format, roc};
use crate::learning::{Evaluation, Iteration, ProbabilityCounts};

/// `TensorBoard`'s code of pixels with red, green and blue.
const RGB: i32 = 3;
/// The number of thresholds of the precision-recall curve: the bins of the probabilities.
const THRESHOLDS: usize = 100;
/// What the plugin for these curves shows as precision where nothing is flagged.
const MIN_COUNT: f64 = 1e-7;

/// The name of the event file in the report; `TensorBoard` recognizes it by `.tfevents.`.
pub(super) fn file_name(started: jiff::Timestamp) -> String {
    format!("tensor/train/events.out.tfevents.{}.moodle-mlbackend", started.as_second())
}

/// The file's bytes: the version of the format, then the metrics of each iteration as one step. `roc` is the picture of the ROC
/// curve.
pub(super) fn events(report: &RunReport<'_>, roc: &[u8]) -> Vec<u8> {
    let started = report.started.as_millisecond() as f64 / 1000.0;
    let mut file = Vec::new();
    let version = Some("brain.Event:2".to_owned());
    push_record(&mut file, &Event { wall_time: started, file_version: version, ..Event::default() });
    let Some(evaluation) = report.evaluation else { return file };
    // Iterations run in parallel and have no meaningful times of their own: the steps divide the run's time evenly.
    let step_time =
        format::seconds(report.started, report.finished) / evaluation.iterations.len().max(1) as f64;
    let last = evaluation.iterations.len();
    for (step, iteration) in (1_usize..).zip(&evaluation.iterations) {
        let mut value = scalars(iteration);
        if step == last {
            value.extend(of_all_iterations(evaluation, roc));
        }
        let event = Event {
            wall_time: started + step_time * step as f64,
            step: i64::try_from(step).unwrap_or(i64::MAX),
            summary: Some(Summary { value }),
            file_version: None,
        };
        push_record(&mut file, &event);
    }
    file
}

fn of_all_iterations(evaluation: &Evaluation, roc: &[u8]) -> Vec<SummaryValue> {
    let counts = &evaluation.probabilities;
    let (width, height) = chart::SIZE;
    let (width, height) = (i32::try_from(width).unwrap_or(0), i32::try_from(height).unwrap_or(0));
    let image = Image { height, width, colorspace: RGB, encoded_image_string: roc.to_vec() };
    let (members, others) = match &evaluation.classes[..] {
        [_, _] => ("probability/second_class", "probability/first_class"),
        _ => ("probability/predicted_rightly", "probability/predicted_wrongly"),
    };
    let mut values = vec![
        SummaryValue { image: Some(image), ..SummaryValue::named("roc_curve") },
        SummaryValue { histo: Some(histogram(&counts.members)), ..SummaryValue::named(members) },
        SummaryValue { histo: Some(histogram(&counts.others)), ..SummaryValue::named(others) },
    ];
    if evaluation.classes.len() == 2 {
        values.push(precision_recall(counts));
    }
    values
}

/// Counts of equal bins from 0 to 1, with the sums as if each sample were in the middle of its bin.
fn histogram(counts: &[usize]) -> Histogram {
    let width = 1.0 / counts.len().max(1) as f64;
    let middle = |at: usize| (at as f64 + 0.5) * width;
    let used: Vec<(usize, f64)> =
        counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(at, &n)| (at, n as f64)).collect();
    Histogram {
        min: used.first().map_or(0.0, |&(at, _)| at as f64 * width),
        max: used.last().map_or(0.0, |&(at, _)| (at + 1) as f64 * width),
        num: used.iter().map(|(_, n)| n).sum(),
        sum: used.iter().map(|&(at, n)| middle(at) * n).sum(),
        sum_squares: used.iter().map(|&(at, n)| middle(at).powi(2) * n).sum(),
        bucket_limit: (1..=counts.len()).map(|at| at as f64 * width).collect(),
        bucket: counts.iter().map(|&n| n as f64).collect(),
    }
}

/// The data of `TensorBoard`'s plugin: true positives, false positives, true negatives, false negatives, precision and recall, each
/// for all thresholds.
fn precision_recall(counts: &ProbabilityCounts) -> SummaryValue {
    let negatives: usize = counts.others.iter().sum();
    let at: Vec<[f64; 4]> = (0..THRESHOLDS)
        .map(|percent| {
            let flagged = counts.flagged(percent);
            let right_rejections = negatives - flagged.wrongly;
            [flagged.rightly, flagged.wrongly, right_rejections, flagged.missed].map(|count| count as f64)
        })
        .collect();
    let precision = |[right, wrong, ..]: &[f64; 4]| right / (right + wrong).max(MIN_COUNT);
    let recall = |[right, _, _, missed]: &[f64; 4]| right / (right + missed).max(MIN_COUNT);
    let rows: Vec<Vec<f64>> = (0..4)
        .map(|row| at.iter().map(|counts| counts[row]).collect())
        .chain([at.iter().map(precision).collect(), at.iter().map(recall).collect()])
        .collect();
    let plugin = PluginData {
        plugin_name: "pr_curves".to_owned(),
        content: PrCurveData { version: 0, num_thresholds: THRESHOLDS as u32 }.encode_to_vec(),
    };
    SummaryValue {
        tensor: Some(Tensor::of_rows(&rows)),
        metadata: Some(SummaryMetadata::of(plugin)),
        ..SummaryValue::named("precision_recall")
    }
}

/// The first three tags are those of the Python server, so that existing dashboards keep working.
fn scalars(iteration: &Iteration) -> Vec<SummaryValue> {
    let metrics = &iteration.metrics;
    let named = [
        ("epoch_loss", Some(metrics.log_loss)),
        ("epoch_categorical_accuracy", Some(metrics.accuracy)),
        ("epoch_auc", roc::iteration_auc(iteration)),
        ("epoch_balanced_accuracy", Some(metrics.balanced_accuracy)),
        ("epoch_f1", Some(metrics.f1)),
        ("epoch_calibration_error", Some(iteration.calibration.error)),
    ];
    let scalar = |(tag, value): (&str, Option<f64>)| {
        let value = value.filter(|v| v.is_finite())?;
        Some(SummaryValue { simple_value: Some(value as f32), ..SummaryValue::named(tag) })
    };
    named.into_iter().filter_map(scalar).collect()
}

fn push_record(file: &mut Vec<u8>, event: &Event) {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked_crc(&length).to_le_bytes());
    file.extend(&data);
    file.extend(masked_crc(&data).to_le_bytes());
}

/// A CRC over data that contains CRCs is weak, so the format rotates it and adds a constant.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    /// Parses a file and checks both checksums of every record.
    fn read_records(mut file: &[u8]) -> Vec<Event> {
        let checked = |bytes: &[u8], crc: &[u8]| {
            let plain = u32::from_le_bytes(crc.try_into().expect("four bytes")).wrapping_sub(0xa282_ead8);
            assert_eq!(plain.rotate_left(15), crc32c::crc32c(bytes));
        };
        let mut events = Vec::new();
        while !file.is_empty() {
            let (length, rest) = file.split_at(8);
            let (crc, rest) = rest.split_at(4);
            checked(length, crc);
            let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
            let (data, rest) = rest.split_at(length);
            let (crc, rest) = rest.split_at(4);
            checked(data, crc);
            events.push(Event::decode(data).expect("an event"));
            file = rest;
        }
        events
    }

    #[test]
    fn writes_one_step_with_its_metrics_for_every_iteration() {
        let evaluation = fixtures::evaluation(2, 3);
        let records = read_records(&events(&fixtures::report(Some(&evaluation), 0), b"PNG"));
        assert_eq!(records.len(), 4);
        assert_eq!(records[0].file_version.as_deref(), Some("brain.Event:2"));
        for (step, (record, iteration)) in (1..).zip(records[1..].iter().zip(&evaluation.iterations)) {
            assert_eq!(record.step, step);
            let values = &record.summary.as_ref().expect("figures").value;
            let tags = values.iter().filter(|v| v.simple_value.is_some()).map(|v| v.tag.as_str());
            let tags: Vec<_> = tags.collect();
            assert_eq!(
                tags,
                [
                    "epoch_loss",
                    "epoch_categorical_accuracy",
                    "epoch_auc",
                    "epoch_balanced_accuracy",
                    "epoch_f1",
                    "epoch_calibration_error"
                ]
            );
            assert_eq!(values[1].simple_value, Some(iteration.metrics.accuracy as f32));
        }
        assert!(records[3].wall_time > records[1].wall_time);
    }

    #[test]
    fn writes_a_readable_file_for_a_run_without_results() {
        let records = read_records(&events(&fixtures::report(None, 8), b"PNG"));
        assert_eq!(records.len(), 1);
    }

    #[test]
    fn leaves_out_metrics_that_are_not_finite() {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.iterations[0].metrics.log_loss = f64::INFINITY;
        let records = read_records(&events(&fixtures::report(Some(&evaluation), 0), b"PNG"));
        let values = &records[1].summary.as_ref().expect("figures").value;
        assert!(values.iter().all(|v| v.tag != "epoch_loss"));
        assert_eq!(values.iter().filter(|v| v.simple_value.is_some()).count(), 5);
    }

    /// Of the fixture's samples, 10 of class 1 and 30 others have 25 %, 20 and 5 have 75 %.
    #[test]
    fn the_last_step_has_curves_and_histograms_of_all_iterations() {
        let evaluation = fixtures::evaluation(2, 2);
        let records = read_records(&events(&fixtures::report(Some(&evaluation), 0), b"PNG"));
        let values = &records[2].summary.as_ref().expect("figures").value;
        let named = |tag: &str| values.iter().find(|value| value.tag == tag).expect("the tag");
        let histogram = named("probability/second_class").histo.as_ref().expect("a histogram");
        assert_eq!((histogram.num, histogram.bucket.len(), histogram.bucket[75]), (30.0, 100, 20.0));
        assert!((histogram.max - 0.76).abs() < 1e-12, "{histogram:?}");
        let curve = named("precision_recall").tensor.as_ref().expect("a tensor");
        let at_60: Vec<f32> = (0..6).map(|row| curve.float_val[row * 100 + 60]).collect();
        assert_eq!(at_60, [20.0, 5.0, 30.0, 10.0, 0.8, 20.0 / 30.0]);
        assert_eq!(named("roc_curve").image.as_ref().expect("an image").encoded_image_string, b"PNG");
        let first = &records[1].summary.as_ref().expect("figures").value;
        assert!(first.iter().all(|value| value.simple_value.is_some()));
    }
}
