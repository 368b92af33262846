//! `moodle-mlbackend health`.

use rstest::rstest;

use crate::common::{Launch, Output, TestServer, free_port, program};

#[test]
fn a_ready_server_is_exit_code_0() {
    let server = TestServer::start();
    for url in [server.url(""), server.url("/"), server.address.to_string(), server.url("/healthz")] {
        let printed = Output::of(&mut program(&["health", &url])).expect_code(0);
        assert!(printed.ends_with(": ready\n"), "{printed}");
    }
}

#[test]
fn the_settings_name_the_server_by_default() {
    let server = TestServer::start();
    let port = server.address.port().to_string();
    let check = |host: &str| {
        let mut command = program(&["health"]);
        command.env("MOODLE_MLBACKEND_PORT", &port).env("MOODLE_MLBACKEND_HOST", host);
        // A proxy is not for the server's own machine.
        Output::of(command.env("http_proxy", "http://127.0.0.1:1"))
    };
    check("127.0.0.1").expect_code(0);
    check("0.0.0.0").expect_code(0);
    let refused = check("not-an-address").expect_code(1);
    assert!(refused.contains("--host") && refused.contains("127.0.0.1"), "{refused}");
}

#[test]
fn no_server_is_exit_code_1_with_the_url() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let printed = Output::of(&mut program(&["health", "--timeout", "2", &url])).expect_code(1);
    assert!(printed.contains(&url) && printed.contains("does not respond"), "{printed}");
}

#[rstest]
#[case("/health/ready", "status 503: not ready")]
#[case("/version/", "status 404: not a health check")]
fn a_server_that_is_not_ready_is_exit_code_1(#[case] path: &str, #[case] expected: &str) {
    let server = Launch::new().env("MOODLE_MLBACKEND_MIN_FREE_BYTES", "1000000GiB").start();
    let printed = Output::of(&mut program(&["health", &server.url(path)])).expect_code(1);
    assert!(printed.contains(expected), "{printed}");
}
