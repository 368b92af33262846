//! Authentication of requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;

use crate::common::{Form, Launch, Request, Route, TestServer, protected_routes};

const NONE: &str = "No user and/or password included in the request.";
const WRONG: &str = "Incorrect user and/or password provided by Moodle.";
const CHALLENGE: &str = "Basic realm=\"moodle-mlbackend\", charset=\"UTF-8\"";

#[test]
fn every_other_route_refuses_a_request_without_credentials() {
    let server = TestServer::start();
    for Route { method, path, .. } in protected_routes() {
        let reply = server.send(&Request::new(method, path));
        reply.expect_error(401, NONE);
        assert_eq!(reply.header("www-authenticate"), Some(CHALLENGE));
    }
}

#[test]
fn every_other_route_refuses_wrong_credentials() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0").start();
    for Route { method, path, .. } in protected_routes() {
        for (user, password) in [("a", "c"), ("b", "b"), ("A", "b"), ("a", "b "), ("a", "b:c")] {
            let reply = server.send(&Request::new(method, path).credentials(user, password));
            reply.expect_error(401, WRONG);
            assert_eq!(reply.header("www-authenticate"), Some(CHALLENGE));
        }
    }
}

#[rstest]
#[case("")]
#[case("YTpi")]
#[case("Bearer YTpi")]
#[case("Basic")]
#[case("Basic ====")]
#[case("Basic !")]
#[case("Basic YWI=")]
#[case::no_name("Basic OmI=")]
#[case("nonsense")]
fn unreadable_credentials_count_as_none(#[case] header: &str) {
    let server = TestServer::start();
    server.send(&Request::new("GET", "/export").header("Authorization", header)).expect(401, NONE);
}

#[test]
fn an_empty_password_is_a_wrong_one() {
    // printf %s salt | sha256sum: the hash of an empty password.
    let users = "a:b,bob:sha256:salt:63479ad69a090b258277ec8fba6f99419a2ffb248981510657c944ccd1148e97";
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users).start();
    for user in ["a", "bob", "unknown"] {
        server.send(&Request::new("GET", "/export").credentials(user, "")).expect(401, WRONG);
    }
}

/// Clients send a password in UTF-8, as the challenge asks, or in Latin-1.
#[test]
fn a_password_beyond_ascii_is_accepted_in_utf8_and_in_latin1() {
    use sha2::{Digest, Sha256};
    // The hash of a password that was in Latin-1 when its entry was made.
    let of_latin1 = hex::encode(Sha256::digest(b"saltp\xe4ss"));
    let argon = moodle_mlbackend::auth::argon2id_entry("cho", "p\u{e4}ss").expect("an entry");
    let users = format!("ann:p\u{e4}ss,bob:sha256:salt:{of_latin1},{argon},d\u{e4}n:p\u{e4}ss");
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &users).start();
    let status = |credentials: &[u8]| {
        let header = format!("Basic {}", STANDARD.encode(credentials));
        server.send(&Request::new("GET", "/export").header("Authorization", &header)).status
    };
    for credentials in [
        "ann:p\u{e4}ss".as_bytes(),
        b"ann:p\xe4ss",
        "bob:p\u{e4}ss".as_bytes(),
        b"bob:p\xe4ss",
        "cho:p\u{e4}ss".as_bytes(),
        b"cho:p\xe4ss",
        "d\u{e4}n:p\u{e4}ss".as_bytes(),
        b"d\xe4n:p\xe4ss",
    ] {
        assert_eq!(status(credentials), 500, "{credentials:?}: only uniqueid is missing");
    }
    for credentials in [&b"ann:p\xf6ss"[..], b"ann:pass", b"d\xf6n:p\xe4ss"] {
        assert_eq!(status(credentials), 401, "{credentials:?}");
    }
}

/// Container tools keep quotes, blanks and line ends of the files that they read.
#[rstest]
#[case::quotes("\"ann:pw-1,bob:pw-2\"", "quotes")]
#[case::single_quotes("'ann:pw-1,bob:pw-2'", "quotes")]
#[case::quotes_around_each_entry("\"ann:pw-1\",\"bob:pw-2\"", "quotes")]
#[case::a_blank_before_a_name("ann:pw-1, bob:pw-2", "a blank")]
#[case::a_final_newline("ann:pw-1,bob:pw-2\n", "a line end")]
#[case::a_final_carriage_return("ann:pw-1,bob:pw-2\r", "a line end")]
#[case::entries_on_lines("ann:pw-1,\r\nbob:pw-2\r\n", "a line end")]
fn a_mangled_users_variable_is_corrected_with_a_warning(#[case] users: &str, #[case] correction: &str) {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users).start();
    for (user, password) in [("ann", "pw-1"), ("bob", "pw-2")] {
        let reply = server.send(&Request::new("GET", "/export").credentials(user, password));
        assert_eq!(reply.status, 500, "{user}: only uniqueid is missing");
    }
    let log = server.log();
    assert!(log.contains("PYTHON_USERS was corrected") && log.contains(correction), "{log}");
    assert!(!log.contains("pw-1") && !log.contains("pw-2"), "{log}");
}

#[rstest]
#[case::a_quoted_password("ann:pw-0,bob:\"secret\"", "entry 2 (user \"bob\"): the password is in quotes")]
#[case::one_quote("\"ann:secret", "entry 1: the user name begins or ends with a quotation mark")]
#[case::a_blank_before_a_password(
    "ann: secret",
    "entry 1 (user \"ann\"): the password begins or ends with a blank"
)]
#[case::a_blank_after_a_password(
    "ann:secret ,bob:pw-0",
    "entry 1 (user \"ann\"): the password begins or ends"
)]
#[case::a_blank_after_a_name("ann :secret", "entry 1: the user name begins or ends with a blank")]
#[case::lines_instead_of_commas(
    "ann:secret\nbob:secret",
    "entry 1 (user \"ann\"): it has the wrong number of fields"
)]
#[case::the_name_of_the_variable(
    "MOODLE_MLBACKEND_PYTHON_USERS=ann:secret",
    "entry 1: it begins with the name of the variable"
)]
#[case::a_variable_in_the_variable("ann:${secret}", "was not replaced by its value")]
#[case::a_variable_as_the_name("bob:pw-0,$USER:secret", "entry 2: the user name is the name of a variable")]
#[case::a_list_of_json("[\"ann:secret\"]", "entry 1: it begins with a bracket")]
#[case::an_object_of_json("{\"ann\":\"secret\"}", "entry 1: it begins with a bracket")]
#[case::a_list_of_yaml("- ann:secret", "entry 1: it begins with the mark of a list")]
#[case::a_command("export X=ann:secret", "entry 1: it begins with a command of the shell")]
#[case::another_variable("X=ann:secret", "entry 1: the user name contains an equals sign")]
fn a_doubtful_users_variable_stops_the_start(#[case] users: &str, #[case] reason: &str) {
    let ended = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users).fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(reason) && !ended.stderr.contains("secret"), "{}", ended.stderr);
}

#[rstest]
#[case::a_quote_at_the_end("secret\"", "begins or ends with a quotation mark")]
#[case::a_quote_at_the_beginning("'secret", "begins or ends with a quotation mark")]
#[case::the_end_of_a_list("secret\"]", "a list or a shell script")]
#[case::the_end_of_a_command("secret;", "a list or a shell script")]
#[case::a_variable("$secret", "was not replaced by its value")]
#[case::a_command("$(cat secret)", "was not replaced by its value")]
#[case::a_template("{{ secret }}", "was not replaced by its value")]
fn a_password_that_a_tool_may_have_changed_is_logged_with_its_entry(
    #[case] password: &str,
    #[case] problem: &str,
) {
    let server =
        Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &format!("ann:pw-0,bob:{password}")).start();
    assert_eq!(server.send(&Request::new("GET", "/export").credentials("bob", password)).status, 500);
    let log = server.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("entry 2 (user \"bob\")") && warnings[0].contains(problem), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[rstest]
#[case("Basic YTpi")]
#[case("basic YTpi")]
#[case("BASIC  YTpi ")]
fn the_scheme_may_be_in_any_case(#[case] header: &str) {
    let server = TestServer::start();
    let reply = server.send(&Request::new("GET", "/export").header("Authorization", header));
    reply.expect(500, "The requested key uniqueid is not available.");
}

#[test]
fn unpadded_base64_is_accepted() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "aa:b").start();
    for encoded in ["YWE6Yg==", "YWE6Yg=", "YWE6Yg"] {
        let header = format!("Basic {encoded}");
        let reply = server.send(&Request::new("GET", "/export").header("Authorization", &header));
        assert_eq!(reply.status, 500, "{encoded}: only uniqueid is missing");
    }
}

#[test]
fn hashed_passwords_work_over_http() {
    let argon = moodle_mlbackend::auth::argon2id_entry("ann", "pw-1").expect("an entry");
    // printf %s 'NaClpw-2' | sha256sum
    let sha = "bob:sha256:NaCl:b2dc05e5669d6863117f69cba284d997a839c3ef86b9ac46ab56098d6bb6918e";
    let server =
        Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", &format!("{argon},{sha},cho:pw-3")).start();
    let status = |user: &str, password: &str| {
        server.send(&Request::new("GET", "/export").credentials(user, password)).status
    };
    for _ in 0..2 {
        assert_eq!([status("ann", "pw-1"), status("bob", "pw-2"), status("cho", "pw-3")], [500; 3]);
        assert_eq!([status("ann", "pw-2"), status("bob", "NaClpw-2"), status("dan", "pw-1")], [401; 3]);
    }
}

#[rstest]
#[case::none(None, NONE)]
#[case::a_wrong_password(Some(("a", "c")), WRONG)]
#[case::an_unknown_name(Some(("x", "b")), WRONG)]
fn a_rejected_credential_is_answered_before_the_body_is_read(
    #[case] credentials: Option<(&str, &str)>,
    #[case] expected: &str,
) {
    let argon = moodle_mlbackend::auth::argon2id_entry("a", "b").expect("an entry");
    for users in ["a:b", &argon] {
        let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users).start();
        for Route { path, .. } in protected_routes().filter(|route| route.method == "POST") {
            let head = Request::new("POST", path).header("Content-Length", "30000000");
            let head = head.header("Content-Type", "multipart/form-data; boundary=x");
            let head =
                credentials.into_iter().fold(head, |head, (user, password)| head.credentials(user, password));
            // The body is announced and never sent.
            server.raw(&head.bytes()).expect_error(401, expected);
        }
    }
}

#[test]
fn a_client_can_read_the_refusal_after_sending_thirty_megabytes() {
    use std::io::{Read, Write};
    let server = TestServer::start();
    let form = Form::model("x", "y").file("dataset", &vec![b'1'; 30_000_000]);
    let bytes = Request::new("POST", "/training").credentials("a", "wrong").form(&form).bytes();
    let mut stream = std::net::TcpStream::connect(server.address).expect("a connection");
    stream.write_all(&bytes).expect("everything can be sent");
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    while !response.ends_with(WRONG.as_bytes()) {
        let count = stream.read(&mut buffer).expect("the response can be read");
        assert!(count > 0, "{}", String::from_utf8_lossy(&response));
        response.extend(&buffer[..count]);
    }
    assert!(response.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&response));
    assert!(server.uploads().is_empty());
}

#[test]
fn without_a_users_variable_only_the_version_is_served() {
    let server = Launch::new().without("MOODLE_MLBACKEND_PYTHON_USERS").start();
    server.get("/version").expect(200, "3.0.5");
    for Route { method, path, .. } in protected_routes() {
        let expected = "MOODLE_MLBACKEND_PYTHON_USERS environment var is not set in the server";
        server.send(&Request::new(method, path)).expect_error(500, expected);
        server.send(&Request::new(method, path).credentials("a", "b")).expect_error(500, expected);
    }
    assert!(server.log().contains("MOODLE_MLBACKEND_PYTHON_USERS is not set"), "{}", server.log());
}

#[test]
fn the_log_shows_requests_and_never_a_password() {
    let server =
        Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "a:open-sesame").arg("--debug-mode").start();
    server.send(&Request::new("GET", "/export?uniqueid=m1").credentials("a", "open-sesame"));
    server.send(&Request::new("GET", "/export").credentials("a", "shut-sesame"));
    let log = server.log();
    assert!(
        log.contains("route=\"/export\"") && log.contains("status=401") && log.contains("uniqueid=\"m1\""),
        "{log}"
    );
    assert!(!log.contains("sesame") && !log.contains("YTpv"), "{log}");
}
