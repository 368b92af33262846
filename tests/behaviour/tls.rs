//! HTTPS by the server itself: versions, protocols, wrong files, and slow or lost clients.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::common::{
    Authority, CertificateFiles, Form, Launch, Output, Request, TestServer, exchange, exchange_over,
    separable, tool, unlabelled, until, untouched,
};

fn served(authority: &Authority) -> TestServer {
    Launch::new().with_tls(authority, &authority.issue("server", 90)).start()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn moodles_requests_work_over_tls() {
    let Some(authority) = Authority::new("moodles_requests_work_over_tls") else { return };
    let server = served(&authority);
    server.train("m", &separable(40, false));
    let predictions = server.predictions("m", &unlabelled(&["1-0,1,3,-1", "2-0,1,-3,1"]));
    assert_eq!(predictions.as_array().map(Vec::len), Some(2));
    let form = Form::model("m", "e").evaluation(1).file("dataset", &separable(400, false));
    let run = server.post("/evaluation", &form).json()["runid"].clone();
    let log = server.get(&format!("/evaluationlog?uniqueid=m&dirhash=e&runid={run}"));
    assert!(log.status == 200 && log.body.len() > 22, "{}", log.status);
    assert_eq!(server.import("copy", &server.export("m")).status, 200);
    assert!(!server.log().contains("clear text"));
}

/// With curl, as Moodle's PHP uses it.
#[rstest]
#[case("--tlsv1.2", "--tls-max", "1.2")]
#[case("--tlsv1.3", "--tls-max", "1.3")]
#[case("--http1.0", "--tls-max", "1.3")]
#[case("--http2", "--tls-max", "1.3")]
#[case("--no-alpn", "--tls-max", "1.3")]
fn curl_connects_with_the_versions_of_today(#[case] first: &str, #[case] second: &str, #[case] value: &str) {
    let test = "curl_connects_with_the_versions_of_today";
    let (Some(curl), Some(authority)) = (tool(test, "curl"), Authority::new(test)) else { return };
    let server = served(&authority);
    let mut command = Command::new(curl);
    untouched(command.args([
        first,
        second,
        value,
        "--silent",
        "--show-error",
        "--cacert",
        text(&authority.root()),
    ]));
    let answer = Output::of(command.arg(server.url("/version")));
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(0), "3.0.5"), "{}", answer.stderr);
}

/// What `openssl s_client` prints about a connection.
fn s_client(server: &TestServer, openssl: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(openssl);
    command.args(["s_client", "-connect", &server.address.to_string()]).args(options);
    Output::of(command.stdin(Stdio::null()))
}

#[test]
fn offers_http_1_alone_and_no_old_version_of_tls() {
    let test = "offers_http_1_alone_and_no_old_version_of_tls";
    let (Some(openssl), Some(authority)) = (tool(test, "openssl"), Authority::new(test)) else { return };
    let server = served(&authority);
    for (offered, chosen) in [("h2,http/1.1", "http/1.1"), ("http/1.0", "http/1.0")] {
        let shown = s_client(&server, &openssl, &["-alpn", offered, "-CAfile", text(&authority.root())]);
        assert!(shown.stdout.contains(&format!("ALPN protocol: {chosen}")), "{shown:?}");
        assert!(shown.stdout.contains("Verify return code: 0 (ok)"), "{shown:?}");
    }
    let h2 = s_client(&server, &openssl, &["-alpn", "h2"]);
    assert_ne!(h2.code, Some(0), "HTTP/2 alone: {h2:?}");
    let old = s_client(&server, &openssl, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert_ne!(old.code, Some(0), "TLS 1.1: {old:?}");
    assert!(server.log().contains("a TLS handshake failed"), "{}", server.log());
}

/// What a server with these files says.
fn refused(files: &CertificateFiles) -> String {
    let launch = Launch::new().env("MOODLE_MLBACKEND_TLS_CERT", text(&files.cert));
    let ended = launch.env("MOODLE_MLBACKEND_TLS_KEY", text(&files.key)).fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn does_not_start_with_files_that_cannot_be_used_and_says_why() {
    let test = "does_not_start_with_files_that_cannot_be_used_and_says_why";
    let (Some(openssl), Some(authority)) = (tool(test, "openssl"), Authority::new(test)) else { return };
    let (good, other) = (authority.issue("good", 90), authority.issue("other", 90));
    let with = |cert: &Path, key: &Path| CertificateFiles { cert: cert.to_owned(), key: key.to_owned() };
    authority.write("empty", "");
    authority.write("notes", "nothing in PEM\n");
    let (empty, notes) = (authority.path("empty"), authority.path("notes"));
    let encrypted = authority.path("encrypted");
    let mut command = Command::new(openssl);
    command.args([
        "pkcs8",
        "-topk8",
        "-passout",
        "pass:secret",
        "-in",
        text(&good.key),
        "-out",
        text(&encrypted),
    ]);
    Output::of(&mut command).expect_code(0);

    let cases = [
        (with(&good.cert, &other.key), "does not belong to the certificate"),
        (with(Path::new("/nowhere/cert.pem"), &good.key), "cannot read the file /nowhere/cert.pem"),
        (with(&good.cert, Path::new("/nowhere/key.pem")), "MOODLE_MLBACKEND_TLS_KEY names"),
        (with(&empty, &good.key), "has no certificate in PEM"),
        (with(&notes, &good.key), "has no certificate in PEM"),
        (with(&good.cert, &good.cert), "has no private key in PEM"),
        (with(&good.cert, &encrypted), "remove its passphrase"),
    ];
    for (files, problem) in cases {
        let stderr = refused(&files);
        assert!(stderr.contains(problem), "expected {problem:?}: {stderr}");
        assert!(!stderr.contains("PRIVATE KEY-----"), "{stderr}");
    }
    let half = Launch::new().env("MOODLE_MLBACKEND_TLS_CERT", text(&good.cert)).fail();
    assert!(half.stderr.contains("MOODLE_MLBACKEND_TLS_KEY is not"), "{}", half.stderr);
}

#[rstest]
#[case("rsa:2048")]
#[case("ed25519")]
fn serves_with_other_kinds_of_keys(#[case] kind: &str) {
    let Some(authority) = Authority::new("serves_with_other_kinds_of_keys") else { return };
    let server = Launch::new().with_tls(&authority, &authority.issue_with_key(kind)).start();
    server.get("/version").expect(200, "3.0.5");
}

/// Moodle accepts any certificate: a reboot must not turn a forgotten renewal into an outage.
#[test]
fn starts_with_an_expired_certificate_and_logs_an_error() {
    let test = "starts_with_an_expired_certificate_and_logs_an_error";
    let (Some(curl), Some(authority)) = (tool(test, "curl"), Authority::new(test)) else { return };
    let server = Launch::new().with_tls(&authority, &authority.issue_expired("expired")).start();
    let url = format!("https://{}/version", server.address);
    let checked = Output::of(Command::new(&curl).args(["--silent", &url]));
    assert_ne!(checked.code, Some(0), "a client that checks certificates refuses it");
    let unchecked = Output::of(Command::new(&curl).args(["--silent", "--insecure", &url]));
    assert_eq!(unchecked.expect_code(0), "3.0.5");
    until("the error is logged", || {
        server
            .log()
            .lines()
            .any(|line| line.contains("ERROR") && line.contains("expired on 2020-02-01T00:00:00Z"))
    });
}

#[test]
fn warns_of_a_certificate_that_ends_soon() {
    let Some(authority) = Authority::new("warns_of_a_certificate_that_ends_soon") else { return };
    // A century is beyond 2049, from when on certificates write dates in another form.
    for (days, is_soon) in [(13, true), (15, false), (36_500, false)] {
        let server = Launch::new().with_tls(&authority, &authority.issue("server", days)).start();
        let log = server.log();
        assert_eq!(log.contains("ends in less than 14 days"), is_soon, "{days} days: {log}");
    }
}

#[test]
fn plain_http_gets_a_response_that_names_the_setting() {
    let Some(authority) = Authority::new("plain_http_gets_a_response_that_names_the_setting") else { return };
    let server = served(&authority);
    let form = Form::model("m", "d").file("dataset", &vec![b'x'; 200_000]);
    for request in [Request::new("GET", "/version"), Request::new("POST", "/training").form(&form)] {
        let reply = exchange(server.address, &request.bytes());
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains("tick \"Use HTTPS\""), "{}", reply.text());
    }
    let log = server.log();
    assert_eq!(log.matches("a client uses plain HTTP on this port").count(), 1, "{log}");
}

#[test]
fn does_not_warn_of_clear_text_if_other_machines_use_tls() {
    let Some(authority) = Authority::new("does_not_warn_of_clear_text_if_other_machines_use_tls") else {
        return;
    };
    let exposed = |launch: Launch| {
        launch
            .env("MOODLE_MLBACKEND_HOST", "0.0.0.0")
            .env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b-at-length")
            .start()
    };
    let tls = exposed(Launch::new().with_tls(&authority, &authority.issue("server", 90)));
    assert!(!tls.log().contains("clear text"), "{}", tls.log());
    let plain = exposed(Launch::new());
    assert!(plain.log().contains("clear text"), "{}", plain.log());
}

/// The bytes that a client sends for a request's head which is encrypted as one record, after the handshake.
fn record(authority: &Authority, stream: &mut TcpStream, head: &[u8]) -> Vec<u8> {
    let mut session = authority.client().session();
    while session.is_handshaking() {
        session.complete_io(stream).expect("the handshake");
    }
    session.writer().write_all(head).expect("it fits");
    let mut bytes = Vec::new();
    session.write_tls(&mut bytes).expect("a record");
    bytes
}

/// A head that is dripped inside one record is no plaintext before its end, and a handshake none at all.
#[test]
fn clients_that_drip_a_record_or_a_handshake_or_send_nothing_are_disconnected() {
    let test = "clients_that_drip_a_record_or_a_handshake_or_send_nothing_are_disconnected";
    let Some(authority) = Authority::new(test) else { return };
    let launch = Launch::new().with_tls(&authority, &authority.issue("server", 90));
    let launch = launch.env("MOODLE_MLBACKEND_HEAD_SECONDS", "1").env("MOODLE_MLBACKEND_LINGER_SECONDS", "1");
    let server = launch.start();
    server.get("/version").expect(200, "3.0.5");
    let before = server.descriptors();

    let connect = || TcpStream::connect(server.address).expect("a connection");
    let mut slow = connect();
    let head = format!("GET /version HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(4000));
    let record = record(&authority, &mut slow, head.as_bytes());
    let mut hello = Vec::new();
    authority.client().session().write_tls(&mut hello).expect("a hello");
    let clients = [(slow, record), (connect(), hello), (connect(), Vec::new())];

    thread::scope(|scope| {
        for (mut stream, bytes) in clients {
            scope.spawn(move || {
                stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out can be set");
                let (begun, mut at) = (Instant::now(), 0);
                loop {
                    assert!(begun.elapsed() < Duration::from_secs(20), "still connected after {at} bytes");
                    match stream.read(&mut [0; 4096]) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Ok(0) | Err(_) => break,
                        Ok(_) => {}
                    }
                    // The last byte is never sent.
                    if at + 1 < bytes.len() {
                        at += usize::from(stream.write_all(&bytes[at..=at]).is_ok());
                    }
                }
            });
        }
        for _ in 0..10 {
            server.get("/version").expect(200, "3.0.5");
        }
    });
    until("their connections are closed", || server.descriptors() <= before);
}

/// Larger than what a record, the reader or the memory of a short upload holds.
#[test]
fn a_large_upload_arrives_whole_and_its_connection_stays_open() {
    let Some(authority) = Authority::new("a_large_upload_arrives_whole_and_its_connection_stays_open") else {
        return;
    };
    let server = served(&authority);
    let form = Form::model("m", "d").file("importzip", &vec![b'x'; 20 << 20]);
    let import = Request::new("POST", "/import").credentials("a", "b").form(&form);
    let mut stream = server.connect();
    let reply = exchange_over(&mut stream, &import.bytes()).expect("a response");
    assert_eq!(reply.status, 400, "{}", reply.text());
    let version = Request::new("GET", "/version").bytes();
    exchange_over(&mut stream, &version).expect("a response").expect(200, "3.0.5");
    // Without a password, the response comes before the upload has arrived.
    let refused =
        Request::new("POST", "/import").form(&Form::model("m", "d").file("importzip", &vec![b'x'; 1 << 20]));
    assert_eq!(server.send(&refused).status, 401);
    assert!(server.uploads().is_empty(), "{:?}", server.uploads());
}

/// `K` makes openssl change its key and ask the server to do the same, which costs the server more than the client.
#[test]
fn a_client_that_changes_its_keys_again_and_again_is_disconnected() {
    let test = "a_client_that_changes_its_keys_again_and_again_is_disconnected";
    let (Some(openssl), Some(authority)) = (tool(test, "openssl"), Authority::new(test)) else { return };
    let server = served(&authority);
    server.get("/version").expect(200, "3.0.5");
    let before = server.descriptors();
    let mut client = Command::new(openssl)
        .args(["s_client", "-tls1_3", "-connect", &server.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut keys = client.stdin.take().expect("a pipe");
    // Each is read on its own: s_client takes only the first letter of what it has read.
    let begun = Instant::now();
    while keys.write_all(b"K\n").is_ok() && client.try_wait().expect("its state").is_none() {
        assert!(begun.elapsed() < Duration::from_mins(1), "still connected");
        thread::sleep(Duration::from_millis(20));
    }
    let _ = client.wait();
    server.get("/version").expect(200, "3.0.5");
    until("its connection is closed", || server.descriptors() <= before);
}
