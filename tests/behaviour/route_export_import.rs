//! `GET /export` and `POST /import`.

use rstest::rstest;
use serde_json::Value;

use crate::common::{Entry, RawZip, TestServer, labelled, unlabelled, unzipped};

const ROWS: [&str; 6] = ["1,-1,-1,1", "1,-1,-0.9,1", "1,-1,-1,1", "1,-1,-0.2,0", "1,-1,-0.1,0", "1,-1,0,0"];

fn train(server: &TestServer, id: &str) {
    server.train(id, &labelled(&ROWS));
}

fn predictions(server: &TestServer, id: &str) -> Value {
    server.predictions(id, &unlabelled(&["a,1,-1,-1", "b,1,-1,-0.55", "c,,-1,0", "d,-1,1,0.3"]))
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    RawZip::of(files.iter().map(|(name, content)| Entry::deflated(name, content))).bytes()
}

#[rstest]
#[case("uniqueid=unknown&dirhash=d")]
#[case("uniqueid=m&dirhash=other")]
fn exporting_an_untrained_or_unknown_model_is_503(#[case] query: &str) {
    let server = TestServer::start();
    server.get(&format!("/export?{query}")).expect(503, "There is nothing to export.");
}

#[test]
fn an_imported_model_predicts_what_its_exporter_predicts() {
    let (exporter, importer) = (TestServer::start(), TestServer::start());
    train(&exporter, "m");
    importer.import("n", &exporter.export("m")).expect(200, "Ok");
    assert_eq!(predictions(&importer, "n"), predictions(&exporter, "m"));
    // The imported model can be exported again.
    importer.export("n");
}

#[test]
fn an_export_that_moodle_unpacked_and_zipped_again_can_be_imported() {
    let server = TestServer::start();
    train(&server, "m");
    let files = unzipped(&server.export("m"));
    assert!(files.keys().all(|name| !name.starts_with('/') && !name.ends_with('/')), "{:?}", files.keys());
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, content)| (name.as_str(), &content[..])).collect();
    server.import("n", &zipped(&files)).expect(200, "Ok");
    assert_eq!(predictions(&server, "n"), predictions(&server, "m"));
}

#[test]
fn an_import_replaces_the_model() {
    let server = TestServer::start();
    train(&server, "m");
    let other =
        labelled(&["1,-1,-1,0", "1,-1,-0.9,0", "1,-1,-1,0", "1,-1,-0.2,1", "1,-1,-0.1,1", "1,-1,0,1"]);
    server.train("n", &other);
    assert_ne!(predictions(&server, "n"), predictions(&server, "m"));
    server.import("n", &server.export("m")).expect(200, "Ok");
    assert_eq!(predictions(&server, "n"), predictions(&server, "m"));
}

#[test]
fn anything_but_an_export_is_a_bad_request_and_changes_nothing() {
    let server = TestServer::start();
    train(&server, "m");
    let before = predictions(&server, "m");
    let export = server.export("m");
    let junk: [Vec<u8>; 7] = [
        Vec::new(),
        b"no zip at all".to_vec(),
        [b"PK\x05\x06".as_slice(), &[0; 18]].concat(),
        export[..export.len() / 2].to_vec(),
        zipped(&[("readme.txt", b"hello")]),
        zipped(&[("model.onnx", b"not a model"), ("classifier/model.onnx", b"not a model")]),
        zipped(&[("../../escape", b"x")]),
    ];
    for archive in junk {
        let reply = server.import("m", &archive);
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(!reply.text().is_empty() && !reply.text().contains("/tmp"), "{}", reply.text());
    }
    assert_eq!(predictions(&server, "m"), before);
}
