//! Throttling of password guesses, without locking other clients out.

use std::time::Instant;

use rstest::rstest;

use crate::common::{Form, Launch, Reply, Request, TestServer};

const WRONG: &str = "Incorrect user and/or password provided by Moodle.";
/// The response after a successful login: the route checks its parameters.
const LOGGED_IN: &str = "The requested key uniqueid is not available.";

/// A server that allows `failures` per minute and trusts a proxy on this machine.
fn behind_a_proxy(failures: &str) -> TestServer {
    let launch = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", failures);
    launch.env("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1").start()
}

fn login(server: &TestServer, password: &str) -> Reply {
    server.send(&Request::new("GET", "/export").credentials("a", password))
}

fn login_from(server: &TestServer, client: &str, user: &str, password: &str) -> Reply {
    let request = Request::new("GET", "/export").credentials(user, password);
    server.send(&request.header("X-Forwarded-For", client))
}

#[track_caller]
fn throttled(reply: &Reply) {
    assert_eq!(reply.status, 429, "{}", reply.text());
    let seconds: u64 = reply.header("retry-after").expect("a Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(reply.text().contains("MOODLE_MLBACKEND_LOGIN_FAILURES"), "{}", reply.text());
    assert!(reply.header("www-authenticate").is_none(), "another login would not help");
}

#[test]
fn after_too_many_failures_no_password_is_checked() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3").start();
    for _ in 0..3 {
        login(&server, "wrong").expect(401, WRONG);
    }
    throttled(&login(&server, "wrong"));
    // Otherwise guessing could continue, because a right password would be recognised.
    throttled(&login(&server, "b"));
    server.get("/version").expect(200, "3.0.5");
    let none = "No user and/or password included in the request.";
    server.send(&Request::new("GET", "/export")).expect(401, none);
}

#[test]
fn a_cached_password_is_throttled_too() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3").start();
    login(&server, "b").expect(500, LOGGED_IN);
    for _ in 0..3 {
        login(&server, "wrong").expect(401, WRONG);
    }
    throttled(&login(&server, "b"));
}

#[test]
fn a_throttled_request_is_refused_before_its_body_is_read() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "1").start();
    login(&server, "wrong").expect(401, WRONG);
    // The body is announced and never sent.
    let head = Request::new("POST", "/training").credentials("a", "b").header("Content-Length", "30000000");
    throttled(&server.raw(&head.bytes()));
}

#[test]
fn successful_logins_and_requests_without_credentials_do_not_count() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "1").start();
    for _ in 0..20 {
        login(&server, "b").expect(500, LOGGED_IN);
        assert_eq!(server.send(&Request::new("GET", "/export")).status, 401);
    }
    login(&server, "wrong").expect(401, WRONG);
}

#[rstest]
#[case::plain_text("a:b")]
#[case::argon2id("")]
fn concurrent_guesses_cannot_exceed_the_limit(#[case] users: &str) {
    let argon = moodle_mlbackend::auth::argon2id_entry("a", "b").expect("an entry");
    let users = if users.is_empty() { &argon } else { users };
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users);
    let server = launch.env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3").start();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..24).map(|_| scope.spawn(|| login(&server, "wrong").status)).collect();
        guesses.into_iter().map(|guess| guess.join().expect("a reply")).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    // One more is allowed after twenty seconds, should a busy machine take as long.
    assert!((3..=5).contains(&count(401)) && count(401) + count(429) == 24, "{statuses:?}");
}

#[test]
fn guesses_from_one_address_do_not_affect_other_addresses() {
    let server = behind_a_proxy("3");
    for _ in 0..3 {
        login_from(&server, "192.0.2.1", "a", "wrong").expect(401, WRONG);
    }
    throttled(&login_from(&server, "192.0.2.1", "a", "b"));
    login_from(&server, "192.0.2.2", "a", "b").expect(500, LOGGED_IN);
    throttled(&login_from(&server, "192.0.2.1", "other", "password"));
}

#[test]
fn guesses_at_one_name_from_many_addresses_are_throttled_without_locking_moodle_out() {
    let server = behind_a_proxy("4");
    for at in 0..4 {
        login_from(&server, &format!("192.0.2.{at}"), "a", "wrong").expect(401, WRONG);
    }
    // Each of them has three of its own left, and the name has none.
    for at in 0..4 {
        throttled(&login_from(&server, &format!("192.0.2.{at}"), "a", "b"));
    }
    for _ in 0..10 {
        login_from(&server, "198.51.100.1", "a", "b").expect(500, LOGGED_IN);
    }
    login_from(&server, "198.51.100.2", "a", "wrong").expect(401, WRONG);
    throttled(&login_from(&server, "198.51.100.2", "a", "wrong"));
}

#[test]
fn unknown_names_are_throttled_like_known_ones() {
    let server = behind_a_proxy("2");
    for name in ["a", "unknown"] {
        let statuses = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"].map(|client| {
            let client = if name == "a" { client.to_owned() } else { client.replace(".2.", ".3.") };
            login_from(&server, &client, name, "wrong").status
        });
        assert_eq!(statuses, [401, 401, 429, 429], "{name}");
    }
}

#[test]
fn an_ipv6_network_counts_as_one_address() {
    let server = behind_a_proxy("2");
    for client in ["2001:db8::1", "2001:db8::2"] {
        login_from(&server, client, "a", "wrong").expect(401, WRONG);
    }
    throttled(&login_from(&server, "2001:db8::3", "a", "wrong"));
    login_from(&server, "2001:db8:0:1::1", "a", "b").expect(500, LOGGED_IN);
}

#[test]
fn without_a_trusted_proxy_a_client_cannot_choose_its_address() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "3").start();
    for at in 0..3 {
        login_from(&server, &format!("192.0.2.{at}"), "a", "wrong").expect(401, WRONG);
    }
    throttled(&login_from(&server, "192.0.2.9", "a", "b"));
    let log = server.log();
    assert!(!log.contains("192.0.2.") && log.contains("client=127.0.0.1"), "{log}");
    let warnings = log.lines().filter(|line| line.contains("MOODLE_MLBACKEND_TRUSTED_PROXIES"));
    assert_eq!(warnings.count(), 1, "{log}");
}

#[test]
fn a_client_cannot_hide_behind_a_forged_header() {
    let server = behind_a_proxy("2");
    for at in 0..2 {
        // As a proxy forwards it: the header of the client, then the address of the client.
        login_from(&server, &format!("198.51.100.{at}, 192.0.2.7"), "a", "wrong").expect(401, WRONG);
    }
    throttled(&login_from(&server, "198.51.100.9, 192.0.2.7", "a", "b"));
    let log = server.log();
    assert!(log.contains("client=192.0.2.7") && !log.contains("198.51.100."), "{log}");
}

#[test]
fn allows_forty_failures_per_minute_by_default_and_any_number_with_0() {
    let server = TestServer::start();
    let unthrottled = Launch::new().env("MOODLE_MLBACKEND_LOGIN_FAILURES", "0").start();
    let wrong = Request::new("POST", "/training").credentials("a", "wrong").form(&Form::model("m", "d"));
    let begun = Instant::now();
    for _ in 0..40 {
        server.send(&wrong).expect(401, WRONG);
    }
    let statuses: Vec<u16> = (0..60).map(|_| server.send(&wrong).status).collect();
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    // Attempts that are regained while the test runs on a slow machine.
    let more = (begun.elapsed().as_secs_f64() / 60.0 * 40.0) as usize;
    assert!(count(401) <= more && count(401) + count(429) == 60, "{more} more may be tried: {statuses:?}");
    for _ in 0..100 {
        unthrottled.send(&wrong).expect(401, WRONG);
    }
}
