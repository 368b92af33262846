//! The copies of requests in `MOODLE_ML_STASH_DIR`, for debugging.

use std::fs;

use crate::common::{Form, Launch};

#[test]
fn stores_every_request_as_files_without_credentials() {
    let launch = Launch::new();
    let stash = launch.stash_dir();
    let server = launch.env("MOODLE_ML_STASH_DIR", stash.to_str().expect("text")).start();
    server.get("/version");
    server.get("/evaluationlog?uniqueid=m&dirhash=d&password=hush");
    server.post("/training", &Form::new().field("uniqueid", "m").file("dataset", b"some,data\n"));
    let mut copies: Vec<_> =
        fs::read_dir(&stash).expect("the stash directory").flatten().map(|entry| entry.path()).collect();
    assert_eq!(copies.len(), 2, "{copies:?}");
    copies.sort_by_key(|dir| dir.join("dataset").exists());
    let request = fs::read_to_string(copies[1].join("request.json")).expect("a request");
    let request: serde_json::Value = serde_json::from_str(&request).expect("JSON");
    assert_eq!(request["method"], "POST");
    assert_eq!(request["route"], "/training");
    assert_eq!(request["parameters"], serde_json::json!([["uniqueid", "m"]]));
    assert_eq!(fs::read(copies[1].join("dataset")).expect("the file"), b"some,data\n");
    let other = fs::read_to_string(copies[0].join("request.json")).expect("a request");
    assert!(
        other.contains("/evaluationlog") && !other.contains("hush") && !other.contains("YTpi"),
        "{other}"
    );
}
