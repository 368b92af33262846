//! The formats of the log: JSON with the times of a training's phases, and entries of systemd's journal.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Form, Launch, Request, TestServer, labelled, namespaces};

fn samples() -> Vec<u8> {
    let rows: Vec<String> = (0..80).map(|row| format!("1,{},{},{}", row % 7, row % 5, row % 2)).collect();
    labelled(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The JSON line with this message.
fn line(server: &TestServer, message: &str) -> Value {
    let log = server.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let found: Vec<&Value> = lines.iter().filter(|line| line["message"] == json!(message)).collect();
    assert_eq!(found.len(), 1, "{message}: {log}");
    found[0].clone()
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_else(|| panic!("no {field} in {line}"))
}

#[test]
fn the_line_of_a_training_has_samples_seconds_log_loss_and_the_time_of_each_phase() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "json").start();
    let reply = server.post("/training", &Form::model("m", "d").file("dataset", &samples()));
    let ended = line(&server, "training ended");
    assert_eq!((&ended["samples"], &ended["new"], &ended["done"]), (&json!(80), &json!(80), &json!(true)));
    assert!((0.0..10.0).contains(&number(&ended, "log_loss")), "{ended}");
    let phases = ["parse", "merge", "select", "fit", "publish"]
        .map(|phase| number(&ended, &format!("{phase}_seconds")));
    assert!(phases.iter().all(|seconds| *seconds > 0.0), "{ended}");
    assert!(phases.iter().sum::<f64>() <= number(&ended, "seconds"), "{ended}");
    // Under the id of its request.
    assert_eq!(ended["span"]["id"].as_str(), reply.header("x-request-id"), "{ended}");
}

#[test]
fn the_line_of_an_evaluation_has_samples_seconds_score_and_its_phases() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "json").start();
    let form =
        Form::model("m", "e").field("minscore", "0.1").field("maxdeviation", "0.9").field("niterations", "3");
    assert_eq!(server.post("/evaluation", &form.file("dataset", &samples())).status, 200);
    let ended = line(&server, "evaluation ended");
    assert_eq!((&ended["samples"], &ended["done"]), (&json!(80), &json!(true)));
    for field in ["score", "seconds", "parse_seconds", "evaluate_seconds", "publish_seconds"] {
        assert!(number(&ended, field) > 0.0, "{field}: {ended}");
    }
    assert!(
        ended.get("select_seconds").is_none(),
        "the trainings of an evaluation are not phases of it: {ended}"
    );
}

#[test]
fn a_failed_training_is_not_done() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "json").start();
    assert_eq!(server.post("/training", &Form::model("m", "d").file("dataset", b"nonsense")).status, 400);
    assert_eq!(line(&server, "training ended")["done"], json!(false));
}

/// The fields of an entry in the journal's native format.
fn fields(mut entry: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while let Some(end) = entry.iter().position(|byte| matches!(byte, b'=' | b'\n')) {
        let name = String::from_utf8(entry[..end].to_vec()).expect("a name");
        let (value, rest) = if entry[end] == b'=' {
            let line = entry[end + 1..].iter().position(|byte| *byte == b'\n').expect("a line end");
            (&entry[end + 1..end + 1 + line], &entry[end + 2 + line..])
        } else {
            let (length, rest) = entry[end + 1..].split_at(8);
            let length =
                usize::try_from(u64::from_le_bytes(length.try_into().expect("8 bytes"))).expect("short");
            (&rest[..length], &rest[length + 1..])
        };
        fields.push((name, String::from_utf8(value.to_vec()).expect("text")));
        entry = rest;
    }
    fields
}

fn field<'a>(entry: &'a [(String, String)], name: &str) -> Option<&'a str> {
    entry.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

#[test]
fn the_journal_gets_an_entry_with_fields_for_each_line() {
    let test = "the_journal_gets_an_entry_with_fields_for_each_line";
    let Some(namespace) = namespaces(test, &["--mount"]) else { return };
    let journal = tempfile::tempdir().expect("a directory");
    let socket = UnixDatagram::bind(journal.path().join("socket")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
    // The journal of this machine, if it has one, is hidden from the server.
    let script = format!(
        "mount --bind {} /mnt && mount -t tmpfs none /run && mkdir -p /run/systemd/journal && \
         mount --bind /mnt /run/systemd/journal && exec \"$@\"",
        journal.path().display()
    );
    let server =
        Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "journald").inside(namespace, &script).start();
    let reply = server.send(&Request::new("GET", "/export?uniqueid=m1&dirhash=d").credentials("a", "b"));
    let id = reply.header("x-request-id").expect("an id");
    let mut buffer = vec![0; 1 << 16];
    let entry = loop {
        let length = socket.recv(&mut buffer).expect("an entry");
        let entry = fields(&buffer[..length]);
        assert_eq!(field(&entry, "SYSLOG_IDENTIFIER"), Some("moodle-mlbackend"), "{entry:?}");
        if field(&entry, "MLBACKEND_ID") == Some(id) && field(&entry, "MLBACKEND_STATUS").is_some() {
            break entry;
        }
    };
    let message = field(&entry, "MESSAGE").expect("a message");
    assert!(message.starts_with("request completed ") && message.contains("route=\"/export\""), "{message}");
    for (name, value) in [("PRIORITY", "6"), ("MLBACKEND_STATUS", "503"), ("MLBACKEND_ROUTE", "/export")] {
        assert_eq!(field(&entry, name), Some(value), "{entry:?}");
    }
    assert_eq!(entry.iter().filter(|(name, _)| name == "MLBACKEND_ID").count(), 1, "{entry:?}");
    assert_eq!(field(&entry, "MLBACKEND_UNIQUEID"), Some("m1"), "{entry:?}");
}

#[test]
fn without_a_journal_the_server_does_not_start() {
    let test = "without_a_journal_the_server_does_not_start";
    let Some(namespace) = namespaces(test, &["--mount"]) else { return };
    let script = "mount -t tmpfs none /run && exec \"$@\"";
    let ended = Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "journald").inside(namespace, script).fail();
    assert_eq!(ended.code, Some(1));
    for part in ["MOODLE_MLBACKEND_LOG_FORMAT", "text or json", "/run/systemd/journal/socket"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}
