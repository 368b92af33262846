//! Request bodies: their limits and formats, and their temporary files.

use std::io::{Read, Write};
use std::net::TcpStream;
#[cfg(debug_assertions)]
use std::path::Path;

use rstest::rstest;

use crate::common::{Form, Launch, Request, TestServer, labelled, until};

fn with_small_limits() -> TestServer {
    Launch::new()
        .env("MOODLE_MLBACKEND_MAX_DATASET_BYTES", "64KiB")
        .env("MOODLE_MLBACKEND_MAX_ARCHIVE_BYTES", "32KiB")
        .start()
}

#[test]
fn an_upload_that_is_too_large_is_refused_and_the_setting_named() {
    let server = with_small_limits();
    for bytes in [(64 << 10) + 1, 1 << 20] {
        let form = Form::model("m", "d").file("dataset", &vec![b'1'; bytes]);
        let reply = server.post("/training", &form);
        reply.expect(
            413,
            "The upload is too large: dataset may have at most 64 KiB. \
             The server's MOODLE_MLBACKEND_MAX_DATASET_BYTES sets this limit.",
        );
    }
    let form = Form::model("m", "d").file("importzip", &vec![b'1'; 40 << 10]);
    let reply = server.post("/import", &form);
    assert!(reply.status == 413 && reply.text().contains("MAX_ARCHIVE_BYTES"), "{}", reply.text());
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

#[rstest]
#[cfg(debug_assertions)]
#[case("../../../escaped.csv")]
#[case("/tmp/escaped-from-an-upload.csv")]
#[case("escaped.csv")]
#[case("")]
fn the_file_name_of_an_upload_is_ignored(#[case] file_name: &str) {
    let server = Launch::new().with_faults().start();
    // The server is held just before it reads the upload, which is too long to stay in memory.
    let rows = ["1,0,0.5,1", "0,1,0.25,0"].repeat(4_000);
    let form = Form::model("m", "d").file_called("dataset", file_name, &labelled(&rows));
    let open = std::thread::scope(|scope| {
        server.hold("open an upload");
        let training = scope.spawn(|| server.post("/training", &form));
        server.wait_until_held();
        let open = server.uploads();
        server.release();
        assert_eq!(training.join().expect("a reply").json()["status"], 0);
        open
    });
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open.iter().all(|path| !path.to_string_lossy().contains("escaped")), "{open:?}");
    assert!(!Path::new("/tmp/escaped-from-an-upload.csv").exists());
}

#[test]
fn a_body_announced_as_too_large_is_refused_before_it_is_sent() {
    let server = with_small_limits();
    let head = "POST /training HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\nContent-Length: 99999999999\r\n\
                Content-Type: multipart/form-data; boundary=x\r\n\r\n";
    assert_eq!(server.raw(head.as_bytes()).status, 413);
}

#[test]
fn a_chunked_body_does_not_bypass_the_limit() {
    let server = with_small_limits();
    let mut bytes =
        b"POST /training HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\nTransfer-Encoding: chunked\r\n\
        Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            .to_vec();
    // 3 MiB; the fields of a form may have some 2 MiB together.
    for _ in 0..3 << 10 {
        bytes.extend(b"400\r\n");
        bytes.extend([b'\n'; 1024]);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    assert_eq!(server.raw(&bytes).status, 413);
}

#[rstest]
#[case("gzip", 415)]
#[case("br", 415)]
#[case("deflate, gzip", 415)]
#[case("nonsense", 415)]
#[case("identity", 400)]
fn an_encoded_body_is_an_unsupported_media_type(#[case] encoding: &str, #[case] status: u16) {
    let server = TestServer::start();
    let request = Request::new("POST", "/training").credentials("a", "b").form(&Form::model("m", "d"));
    let reply = server.send(&request.header("Content-Encoding", encoding));
    assert_eq!(reply.status, status, "{}", reply.text());
    let request = Request::new("GET", "/export?uniqueid=m").credentials("a", "b");
    let reply = server.send(&request.header("Content-Encoding", encoding));
    assert_eq!(reply.status, if status == 415 { 415 } else { 500 });
}

#[test]
fn expect_100_continue_is_answered() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    let form = Form::model("m", "d");
    let bytes =
        Request::new("POST", "/training").credentials("a", "b").header("Expect", "100-continue").form(&form);
    let bytes = bytes.bytes();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    stream.write_all(&bytes[..end]).expect("the head is sent");
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).expect("an interim response");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&bytes[end..]).expect("the body is sent");
    let mut response = [0; 12];
    stream.read_exact(&mut response).expect("a response");
    assert_eq!(&response, b"HTTP/1.1 400");
}

#[rstest]
#[case("", "x", "boundary")]
#[case("; boundary=", "x", "boundary")]
#[case("; boundary=q", "", "stops before")]
#[case("; boundary=q", "no boundary at all\r\n", "stops before")]
#[case("; boundary=q", "--q\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx", "stops before")]
#[case("; boundary=q", "--q\r\nContent-Type: text/plain\r\n\r\nx\r\n--q--\r\n", "Content-Disposition")]
#[case("; boundary=q", "--q\r\nContent-Disposition: form-data\r\n\r\nx\r\n--q--\r\n", "no name")]
fn a_malformed_form_is_a_bad_request_with_the_reason(
    #[case] boundary: &str,
    #[case] body: &str,
    #[case] reason: &str,
) {
    let content_type = format!("multipart/form-data{boundary}");
    let request = Request::new("POST", "/training").credentials("a", "b");
    let reply =
        TestServer::start().send(&request.body("Content-Type", &content_type, body.as_bytes().to_vec()));
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(reply.text().contains("malformed") && reply.text().contains(reason), "{}", reply.text());
}

#[test]
fn an_upload_that_is_cut_off_leaves_nothing_behind() {
    let server = TestServer::start();
    let form = Form::model("m", "d").file("dataset", &vec![b'1'; 2_000_000]);
    let bytes = Request::new("POST", "/training").credentials("a", "b").form(&form).bytes();
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.write_all(&bytes[..1_000_000]).expect("half of it is sent");
    until("the upload has begun", || !server.uploads().is_empty());
    drop(stream);
    until("the upload is closed", || server.uploads().is_empty());
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn a_refused_upload_leaves_nothing_behind() {
    let server = TestServer::start();
    let form = Form::new().field("uniqueid", "m").file("dataset", &vec![b'1'; 2_000_000]);
    assert_eq!(server.post("/training", &form).status, 500);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

#[test]
fn an_upload_that_the_disk_cannot_hold_is_refused_before_it_is_read() {
    let server = Launch::new().env("MOODLE_MLBACKEND_MAX_DATASET_BYTES", "1000000000GiB").start();
    let request = Request::new("POST", "/training").credentials("a", "b");
    let request = request.header("Content-Type", "multipart/form-data; boundary=x");
    // The body is announced and never sent.
    let reply = server.raw(&request.header("Content-Length", "900000000000000000").bytes());
    assert_eq!(reply.status, 507, "{}", reply.text());
    assert!(reply.text().contains("disk is full"), "{}", reply.text());
    assert!(server.log().contains("MOODLE_MLBACKEND_TEMPDIR"), "{}", server.log());
}
