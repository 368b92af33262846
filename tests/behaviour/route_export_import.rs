//! `GET /export` and `POST /import`.

use std::io::{Cursor, Read, Write};

use rstest::rstest;
use serde_json::json;

use crate::common::{Form, TestServer, labelled, unlabelled};

const ROWS: [&str; 6] = ["1,-1,-1,1", "1,-1,-0.9,1", "1,-1,-1,1", "1,-1,-0.2,0", "1,-1,-0.1,0", "1,-1,0,0"];

fn train(server: &TestServer, id: &str) {
    let reply = server.post("/training", &Form::model(id, "d").file("dataset", &labelled(&ROWS)));
    assert_eq!(reply.json()["status"], json!(0), "{}", reply.text());
}

fn predictions(server: &TestServer, id: &str) -> serde_json::Value {
    let samples = unlabelled(&["a,1,-1,-1", "b,1,-1,-0.55", "c,,-1,0", "d,-1,1,0.3"]);
    let reply = server.post("/prediction", &Form::model(id, "d").file("dataset", &samples)).json();
    assert_eq!(reply["status"], json!(0), "{reply}");
    reply["predictions"].clone()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a file begins");
        writer.write_all(content).expect("it is written");
    }
    writer.finish().expect("the zip ends").into_inner()
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
    let (here, there) = (TestServer::start(), TestServer::start());
    train(&here, "m");
    let export = here.get("/export?uniqueid=m&dirhash=d");
    assert_eq!((export.status, export.header("content-type")), (200, Some("application/zip")));
    there.post("/import", &Form::model("n", "d").file("importzip", &export.body)).expect(200, "Ok");
    assert_eq!(predictions(&there, "n"), predictions(&here, "m"));
    // The imported model can be exported again.
    assert_eq!(there.get("/export?uniqueid=n&dirhash=d").status, 200);
}

#[test]
fn an_export_that_moodle_unpacked_and_zipped_again_can_be_imported() {
    let server = TestServer::start();
    train(&server, "m");
    let export = server.get("/export?uniqueid=m&dirhash=d").body;
    let mut archive = zip::ZipArchive::new(Cursor::new(export)).expect("a zip");
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("a file");
        let name = file.name().expect("a readable name").into_owned();
        assert!(!file.is_dir() && !name.starts_with('/'), "{name}");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("readable");
        files.push((name, content));
    }
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, content)| (name.as_str(), &content[..])).collect();
    server.post("/import", &Form::model("n", "d").file("importzip", &zipped(&files))).expect(200, "Ok");
    assert_eq!(predictions(&server, "n"), predictions(&server, "m"));
}

#[test]
fn an_import_replaces_the_model() {
    let server = TestServer::start();
    train(&server, "m");
    let other =
        labelled(&["1,-1,-1,0", "1,-1,-0.9,0", "1,-1,-1,0", "1,-1,-0.2,1", "1,-1,-0.1,1", "1,-1,0,1"]);
    assert_eq!(
        server.post("/training", &Form::model("n", "d").file("dataset", &other)).json()["status"],
        json!(0)
    );
    assert_ne!(predictions(&server, "n"), predictions(&server, "m"));
    let export = server.get("/export?uniqueid=m&dirhash=d").body;
    server.post("/import", &Form::model("n", "d").file("importzip", &export)).expect(200, "Ok");
    assert_eq!(predictions(&server, "n"), predictions(&server, "m"));
}

#[test]
fn anything_but_an_export_is_a_bad_request_and_changes_nothing() {
    let server = TestServer::start();
    train(&server, "m");
    let before = predictions(&server, "m");
    let export = server.get("/export?uniqueid=m&dirhash=d").body;
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
        let reply = server.post("/import", &Form::model("m", "d").file("importzip", &archive));
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(!reply.text().is_empty() && !reply.text().contains("/tmp"), "{}", reply.text());
    }
    assert_eq!(predictions(&server, "m"), before);
}
