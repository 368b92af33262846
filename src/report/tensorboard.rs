//! Event files for `TensorBoard`.
//!
//! Owns their format. An event file is a sequence of records: length (u64, little endian), the masked CRC-32C of
//! those eight bytes, the data, its masked CRC-32C. The data is an `Event` message of TensorFlow's `event.proto`,
//! of which only the fields for scalars are written. Must not know where the file is stored.

use prost::Message;

use super::{RunReport, format, roc};
use crate::learning::Iteration;

/// The name of the event file in the report; `TensorBoard` recognizes it by `.tfevents.`.
pub(super) fn file_name(started: jiff::Timestamp) -> String {
    format!("tensor/train/events.out.tfevents.{}.moodle-mlbackend", started.as_second())
}

/// The file's bytes: the version of the format, then the metrics of each iteration as one step.
pub(super) fn events(report: &RunReport<'_>) -> Vec<u8> {
    let started = report.started.as_millisecond() as f64 / 1000.0;
    let mut file = Vec::new();
    let version = Some("brain.Event:2".to_owned());
    push_record(&mut file, &Event { wall_time: started, file_version: version, ..Event::default() });
    let Some(evaluation) = report.evaluation else { return file };
    // Iterations run in parallel and have no meaningful times of their own: the steps divide the run's time evenly.
    let step_time =
        format::seconds(report.started, report.finished) / evaluation.iterations.len().max(1) as f64;
    for (step, iteration) in (1_i32..).zip(&evaluation.iterations) {
        let event = Event {
            wall_time: started + step_time * f64::from(step),
            step: step.into(),
            summary: Some(Summary { value: scalars(iteration) }),
            file_version: None,
        };
        push_record(&mut file, &event);
    }
    file
}

/// The first three tags are those of the Python server, so that existing dashboards keep working.
fn scalars(iteration: &Iteration) -> Vec<Scalar> {
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
        Some(Scalar { tag: tag.to_owned(), simple_value: Some(value as f32) })
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

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    // Optional, because `TensorBoard` needs a zero to be written.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
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
        let records = read_records(&events(&fixtures::report(Some(&evaluation), 0)));
        assert_eq!(records.len(), 4);
        assert_eq!(records[0].file_version.as_deref(), Some("brain.Event:2"));
        for (step, (record, iteration)) in (1..).zip(records[1..].iter().zip(&evaluation.iterations)) {
            assert_eq!(record.step, step);
            let values = &record.summary.as_ref().expect("figures").value;
            let tags: Vec<_> = values.iter().map(|v| v.tag.as_str()).collect();
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
        let records = read_records(&events(&fixtures::report(None, 8)));
        assert_eq!(records.len(), 1);
    }

    #[test]
    fn leaves_out_metrics_that_are_not_finite() {
        let mut evaluation = fixtures::evaluation(2, 1);
        evaluation.iterations[0].metrics.log_loss = f64::INFINITY;
        let records = read_records(&events(&fixtures::report(Some(&evaluation), 0)));
        let values = &records[1].summary.as_ref().expect("figures").value;
        assert!(values.iter().all(|v| v.tag != "epoch_loss") && values.len() == 5);
    }
}
