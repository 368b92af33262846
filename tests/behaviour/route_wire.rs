//! Recorded requests of Moodle's plugin, byte for byte, and the replies that it needs.

use serde_json::json;

use crate::common::{Form, Reply, TestServer, shared};

/// A recorded request, adapted to the server's port.
fn recorded(server: &TestServer, number: &str) -> Option<Vec<u8>> {
    let bytes = shared(number, &format!("wire/wire-{number}.request"))?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("the head is text");
    let head = head.replace("Host: 127.0.0.1:15155", &format!("Host: {}", server.address));
    Some([head.as_bytes(), &bytes[end..]].concat())
}

fn replay(server: &TestServer, number: &str) -> Option<Reply> {
    recorded(server, number).map(|bytes| server.raw(&bytes))
}

/// *Use HTTPS* is ticked in Moodle, and the port is a plain one.
#[test]
fn a_tls_client_leaves_a_line_in_the_log() {
    use std::io::{Read, Write};
    let server = TestServer::start();
    let mut stream = std::net::TcpStream::connect(server.address).expect("a connection");
    // The beginning of a ClientHello.
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    let _ = stream.read_to_end(&mut Vec::new());
    let log = server.log();
    assert!(log.contains("a client uses HTTPS on this port"), "{log}");
}

#[test]
fn answers_moodles_recorded_training_prediction_and_deletion() {
    let server = TestServer::start();
    let Some(trained) = replay(&server, "0004") else { return };
    assert_eq!((trained.status, trained.json()["status"].clone()), (200, json!(0)), "{}", trained.text());
    let predicted = replay(&server, "0005").expect("it is recorded").json();
    assert_eq!(predicted["status"], json!(0));
    let row = |index: usize| {
        (predicted["predictions"][index][0].clone(), predicted["predictions"][index][1].clone())
    };
    assert_eq!(row(0), (json!("183021-0"), json!("0")));
    assert_eq!(row(1), (json!("183020-0"), json!("1")));
    replay(&server, "0009").expect("it is recorded").expect(200, "Ok");
    let gone = replay(&server, "0005").expect("it is recorded").json();
    assert_eq!(gone["status"], json!(2));
}

#[test]
fn exporting_an_untrained_model_is_503() {
    let server = TestServer::start();
    let Some(reply) = replay(&server, "0030") else { return };
    reply.expect(503, "There is nothing to export.");
}

#[test]
fn imports_an_export_of_the_python_server() {
    let server = TestServer::start();
    let Some(reply) = replay(&server, "0032") else { return };
    reply.expect(200, "Ok");
}

#[test]
fn answers_moodles_recorded_evaluation_and_its_log() {
    let server = TestServer::start();
    let Some(reply) = replay(&server, "0064") else { return };
    let reply = reply.json();
    assert_eq!(reply["status"].as_u64().map(|status| status & 4), Some(4), "{reply}");
    let run = reply["runid"].as_u64().expect("an integer").to_string();
    let bytes = recorded(&server, "0065").expect("it is recorded");
    let bytes = String::from_utf8(bytes)
        .expect("it has no body")
        .replace("runid=1795231384469", &format!("runid={run}"));
    let log = server.raw(bytes.as_bytes());
    assert_eq!((log.status, log.header("content-type")), (200, Some("application/zip")));
    assert!(log.body.len() > 22);
    // The recorded run itself is unknown here.
    let unknown = replay(&server, "0065").expect("it is recorded");
    assert_eq!((unknown.status, unknown.body.len()), (200, 22));
}

#[test]
fn rating_a_trained_model_on_its_own_samples_scores_1() {
    let server = TestServer::start();
    let test = "rating_a_trained_model_on_its_own_samples_scores_1";
    let Some(dataset) = shared(test, "moodle/moodletest-good-quarters-400x7-evaluation.csv") else { return };
    let Some(bytes) = recorded(&server, "0088") else { return };
    let untrained = server.raw(&bytes).json();
    assert_eq!(untrained["status"], json!(2), "{untrained}");
    let text = String::from_utf8_lossy(&bytes);
    let field = |name: &str| {
        let begin = format!("name=\"{name}\"\r\n\r\n");
        let value = text.split(&begin).nth(1).and_then(|rest| rest.split("\r\n").next());
        value.expect("the field is there").to_owned()
    };
    let form = Form::model(&field("uniqueid"), &field("trainedmodeldirhash")).file("dataset", &dataset);
    assert_eq!(server.post("/training", &form).json()["status"], json!(0));
    let reply = server.raw(&bytes).json();
    assert_eq!((&reply["status"], &reply["score"]), (&json!(0), &json!(1.0)), "{reply}");
}
