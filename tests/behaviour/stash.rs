//! `MOODLE_ML_STASH_DIR`: what clients sent, kept for debugging.

use std::fs;

use crate::common::{Form, Launch};

#[test]
fn every_payload_is_kept_as_plain_files_without_credentials() {
    let launch = Launch::new();
    let stash = launch.stash_dir();
    let server = launch.env("MOODLE_ML_STASH_DIR", stash.to_str().expect("text")).start();
    server.get("/version");
    server.get("/evaluationlog?uniqueid=m&dirhash=d&password=hush");
    server.post("/training", &Form::new().field("uniqueid", "m").file("dataset", b"some,data\n"));
    let mut kept: Vec<_> =
        fs::read_dir(&stash).expect("the stash").flatten().map(|entry| entry.path()).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    kept.sort_by_key(|dir| dir.join("dataset").exists());
    let request = fs::read_to_string(kept[1].join("request.json")).expect("a request");
    let request: serde_json::Value = serde_json::from_str(&request).expect("JSON");
    assert_eq!(request["method"], "POST");
    assert_eq!(request["route"], "/training");
    assert_eq!(request["parameters"], serde_json::json!([["uniqueid", "m"]]));
    assert_eq!(fs::read(kept[1].join("dataset")).expect("the file"), b"some,data\n");
    let other = fs::read_to_string(kept[0].join("request.json")).expect("a request");
    assert!(
        other.contains("/evaluationlog") && !other.contains("hush") && !other.contains("YTpi"),
        "{other}"
    );
}
