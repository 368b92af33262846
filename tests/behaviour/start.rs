//! Startup with valid and invalid settings, and shutdown.

use std::fs;

use rstest::rstest;

use crate::common::{Launch, Output, TestServer, program, skip};

#[rstest]
#[case("MOODLE_MLBACKEND_PYTHON_DIR", "/nowhere/at/all")]
#[case("MOODLE_MLBACKEND_PYTHON_DIR", "/dev/null")]
#[case("MOODLE_MLBACKEND_PYTHON_DIR", "")]
#[case("MOODLE_MLBACKEND_TEMPDIR", "/nowhere/at/all")]
#[case("MOODLE_ML_STASH_DIR", "/nowhere/at/all")]
#[case("MOODLE_MLBACKEND_PYTHON_USERS", "")]
#[case("MOODLE_MLBACKEND_PYTHON_USERS", "no-colon")]
#[case("MOODLE_MLBACKEND_JOBS", "0")]
#[case("MOODLE_MLBACKEND_PORT", "eighty")]
#[case("MOODLE_MLBACKEND_MAX_DATASET_BYTES", "plenty")]
#[case("MOODLE_MLBACKEND_LOG_FORMAT", "xml")]
#[case("MOODLE_MLBACKEND_REPORTED_VERSION", "3.0.5\n")]
#[case("MOODLE_MLBACKEND_TRUSTED_PROXIES", "localhost")]
#[case("MOODLE_MLBACKEND_TRUSTED_PROXIES", "127.0.0.1,0.0.0.0/0")]
#[case("MOODLE_MLBACKEND_LOGIN_FAILURES", "-1")]
#[case("MOODLE_MLBACKEND_ISOLATE_USERS", "perhaps")]
fn an_invalid_setting_exits_with_1_and_names_the_variable(#[case] variable: &str, #[case] value: &str) {
    let ended = Launch::new().env(variable, value).fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(variable), "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[rstest]
#[case("MOODLE_MLBACKEND_HOST", "moodle.example", "such as 127.0.0.1")]
#[case("MOODLE_MLBACKEND_HOST", "127.0.0.1:5000", "without a port")]
#[case("MOODLE_MLBACKEND_PORT", "eighty", "such as 5000")]
#[case("MOODLE_MLBACKEND_JOBS", "two", "such as 100")]
#[case("MOODLE_MLBACKEND_QUEUE_LENGTH", "-1", "such as 40")]
#[case("MOODLE_MLBACKEND_LOGIN_FAILURES", "many", "such as 40")]
#[case("MOODLE_MLBACKEND_QUEUE_SECONDS", "1h", "such as 60")]
#[case("MOODLE_MLBACKEND_STOP_SECONDS", "90s", "from 0 to 86400, such as 60")]
#[case("MOODLE_MLBACKEND_EVALUATION_SECONDS", "ten", "such as 60")]
#[case("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", "-1", "from 0 to 86400, such as 60")]
#[case("MOODLE_MLBACKEND_MAX_DATASET_BYTES", "plenty", "such as 1048576")]
#[case("MOODLE_MLBACKEND_TRUSTED_PROXIES", "proxy", "such as 127.0.0.1")]
#[case("MOODLE_MLBACKEND_WORLD_VISIBLE", "perhaps", "expected 1 (on) or 0 (off)")]
#[case::too_new("MOODLE_MLBACKEND_REPORTED_VERSION", "4.1", "less than 4, such as 3.0.5")]
#[case::the_next_major_version("MOODLE_MLBACKEND_REPORTED_VERSION", "4", "less than 4, such as 3.0.5")]
#[case::too_old("MOODLE_MLBACKEND_REPORTED_VERSION", "3.0.4", "at least 3.0.5")]
#[case::too_old_for_php("MOODLE_MLBACKEND_REPORTED_VERSION", "3.0.5+1", "at least 3.0.5")]
#[case::no_version("MOODLE_MLBACKEND_REPORTED_VERSION", "latest", "such as 3.0.5")]
fn an_invalid_setting_gets_an_example(#[case] variable: &str, #[case] value: &str, #[case] example: &str) {
    let ended = Launch::new().env(variable, value).fail();
    assert!(ended.code == Some(1) && ended.stderr.contains(variable), "{}", ended.stderr);
    assert!(ended.stderr.contains(example), "{}", ended.stderr);
}

/// Numbers, sizes and switches are all that has a default of digits or a truth value.
#[test]
fn every_number_size_and_switch_gets_an_example() {
    let data = tempfile::tempdir().expect("a directory");
    let config = |variable: &str, value: &str| {
        let mut command = program(&["config", "--json", "--config", ""]);
        Output::of(command.env("MOODLE_MLBACKEND_PYTHON_DIR", data.path()).env(variable, value))
    };
    let listed: serde_json::Value = serde_json::from_str(&config("UNUSED", "").stdout).expect("JSON");
    let settings = listed["settings"].as_object().expect("an object").values();
    let is_checked =
        |value: &str| value.starts_with(|c: char| c.is_ascii_digit()) || ["true", "false"].contains(&value);
    let settings = settings.filter(|setting| setting["value"].as_str().is_some_and(is_checked));
    let variables: Vec<&str> = settings.filter_map(|setting| setting["variable"].as_str()).collect();
    assert!(variables.len() > 30, "{variables:?}");
    for variable in variables {
        let text = config(variable, "some").expect_code(1);
        assert!(text.contains(variable) && !text.contains("panicked"), "{text}");
        assert!(text.contains("such as") || text.contains("expected 1 (on) or 0 (off)"), "{text}");
    }
}

#[test]
fn an_address_of_another_machine_is_named_and_not_the_port() {
    // Reserved for documentation (RFC 5737).
    let ended = Launch::new().arg("--host").arg("192.0.2.1").fail();
    assert_eq!(ended.code, Some(1));
    let problem = "cannot listen on 192.0.2.1: this machine does not have this address";
    assert!(ended.stderr.contains(problem) && ended.stderr.contains("127.0.0.1"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("port"), "{}", ended.stderr);
}

#[rstest]
#[case("localhost", "127.0.0.1")]
#[case("LOCALHOST", "127.0.0.1")]
#[case("::1", "::1")]
#[case("[::1]", "::1")]
fn listens_on_an_address_as_people_write_it(#[case] host: &str, #[case] expected: &str) {
    let address: std::net::IpAddr = expected.parse().expect("an address");
    if std::net::TcpListener::bind((address, 0)).is_err() {
        return skip("listens_on_an_address_as_people_write_it", "this machine has no IPv6");
    }
    let server = Launch::new().arg("--host").arg(host).start();
    assert_eq!(server.address.ip(), address);
    server.get("/version").expect(200, "3.0.5");
}

#[test]
fn a_missing_data_directory_names_the_remedy() {
    let ended = Launch::new().without("MOODLE_MLBACKEND_PYTHON_DIR").fail();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("MOODLE_MLBACKEND_PYTHON_DIR is not set: set it"), "{}", ended.stderr);
}

#[test]
fn a_malformed_users_variable_names_the_entry_without_its_password() {
    let ended = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:pw,bob:md5:grain:hushhush").fail();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("entry 2 (user \"bob\")"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hushhush") && !ended.stderr.contains("grain"), "{}", ended.stderr);
}

#[test]
fn a_port_in_use_names_the_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let ended = Launch::new().env("MOODLE_MLBACKEND_PORT", &port).fail();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cannot listen on") && ended.stderr.contains("--port"), "{}", ended.stderr);
}

#[test]
fn listens_only_on_this_machine_by_default() {
    assert!(TestServer::start().address.ip().is_loopback());
    let server = Launch::new().arg("--world-visible").start();
    assert_eq!(server.address.ip().to_string(), "0.0.0.0");
}

// printf %s 'saltsshhhh' | sha256sum
const HASHED: &str = "default:sha256:salt:4542dd889a4e402e292e2e8d460d9595d20737754f35137491bafe5d0fbd68a0";

#[rstest]
#[case("default:sshhhh", "default")]
#[case(HASHED, "default")]
#[case("ann:a-good-password,user:password", "user")]
#[case("moodle:Secret", "moodle")]
#[case("moodle:THE-PASSWORD", "moodle")]
#[case("a-name-of-its-own:a-name-of-its-own", "a-name-of-its-own")]
fn refuses_a_well_known_password_when_other_machines_can_reach_the_server(
    #[case] users: &str,
    #[case] user: &str,
    #[values("0.0.0.0", "::")] host: &str,
) {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users);
    let ended = launch.env("MOODLE_MLBACKEND_HOST", host).fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let problem = format!("MOODLE_MLBACKEND_PYTHON_USERS gives the user {user:?} a well-known password");
    assert!(ended.stderr.contains(&problem), "{}", ended.stderr);
    assert!(ended.stderr.contains("moodle-mlbackend passwd --generate"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("sshhhh"), "{}", ended.stderr);
}

#[test]
fn warns_of_a_well_known_password_when_listening_only_on_this_machine() {
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "default:sshhhh,ann:short").start();
    let log = server.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("well-known") && warnings[0].contains("default"), "{log}");
    assert!(!log.contains("sshhhh"), "{log}");
}

#[rstest]
#[case("ann:a-good-password", "", &["HTTPS"])]
#[case("ann:a-good-password", "10.1.0.0/16", &[])]
#[case("ann:seven-7", "", &["short", "HTTPS"])]
#[case("ann:seven-7", "10.1.0.0/16", &["short"])]
fn warns_of_unsafe_settings_when_other_machines_can_reach_the_server(
    #[case] users: &str,
    #[case] proxies: &str,
    #[case] expected: &[&str],
) {
    let launch = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", users).arg("--world-visible");
    let server = launch.env("MOODLE_MLBACKEND_TRUSTED_PROXIES", proxies).start();
    let log = server.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), expected.len(), "{log}");
    for (warning, word) in warnings.iter().zip(expected) {
        assert!(warning.contains(word), "{log}");
    }
    assert!(!log.contains("seven-7"), "{log}");
}

#[test]
fn sigterm_stops_the_server_and_leaves_no_uploads() {
    let server = TestServer::start();
    server.get("/version").expect(200, "3.0.5");
    let (code, dir) = server.terminate();
    assert_eq!(code, Some(0));
    let left: Vec<_> = fs::read_dir(dir.path().join("temp")).expect("it is there").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn ignores_a_removed_variable_with_a_warning() {
    let server = Launch::new().env("MOODLE_MLBACKEND_MAX_PARTS", "not a number").start();
    let log = server.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("MOODLE_MLBACKEND_MAX_PARTS is ignored"), "{log}");
    assert!(warnings[0].contains("Remove the variable"), "{log}");
}

#[test]
fn json_log_lines_are_valid_json() {
    let server = Launch::new().env("MOODLE_MLBACKEND_LOG_FORMAT", "json").start();
    server.get("/version");
    let log = server.log();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(lines.iter().any(|line| line["route"] == "/version" && line["status"] == 200), "{log}");
}
