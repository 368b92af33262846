//! Requests with curl and wget, as administrators use them.

use std::process::{Command, Output};

use rstest::rstest;

use crate::common::{TestServer, skip};

/// Runs a tool; where it is not installed, reports a skipped test and returns `None`.
fn run(tool: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(tool).args(arguments).env_remove("http_proxy").output();
    if output.is_err() {
        skip(std::thread::current().name().unwrap_or("a test"), &format!("{tool} is not installed"));
    }
    output.ok()
}

#[rstest]
#[case("wget", &["-q", "-O", "-"])]
#[case("curl", &["-sS"])]
fn curl_and_wget_read_the_version(#[case] tool: &str, #[case] arguments: &[&str]) {
    let server = TestServer::start();
    let Some(output) = run(tool, &[arguments, &[&server.url("/version")]].concat()) else { return };
    assert_eq!(output.stdout, b"3.0.5");
}

#[rstest]
#[case::at_once(&["--auth-no-challenge"])]
#[case::after_the_challenge(&[])]
fn wget_logs_in_with_and_without_waiting_for_the_challenge(#[case] more: &[&str]) {
    let server = TestServer::start();
    let url = server.url("/training");
    let arguments =
        ["-O", "-", "--tries=1", "--content-on-error", "--user=a", "--password=b", "--post-data=x=1", &url];
    let Some(output) = run("wget", &[&arguments, more].concat()) else { return };
    // The contract's 500: the password is right and a parameter is missing.
    let body = String::from_utf8_lossy(&output.stdout);
    assert_eq!(body, "The requested key uniqueid is not available.", "{output:?}");
}

#[test]
fn wget_reports_a_wrong_password() {
    let server = TestServer::start();
    let url = server.url("/export?uniqueid=m&dirhash=d");
    let arguments = ["-O", "-", "--tries=1", "--content-on-error", "--user=a", "--password=c", &url];
    let Some(output) = run("wget", &arguments) else { return };
    assert_eq!(output.status.code(), Some(6), "wget's code for refused credentials: {output:?}");
}

#[test]
fn curl_sends_a_form_and_reads_the_response() {
    let server = TestServer::start();
    let url = server.url("/import");
    let arguments = ["-sS", "-u", "a:b", "-F", "uniqueid=m", "-F", "dirhash=d", "-w", " %{http_code}", &url];
    let Some(output) = run("curl", &arguments) else { return };
    let body = String::from_utf8_lossy(&output.stdout);
    assert!(body.starts_with("The file importzip is missing") && body.ends_with(" 400"), "{output:?}");
}

#[rstest]
#[case::at_once(&["-u", "a:b"], "The requested key uniqueid is not available. 500")]
#[case::after_the_challenge(&["-u", "a:b", "--anyauth"], "The requested key uniqueid is not available. 500")]
#[case::wrong(&["-u", "a:c"], "Incorrect user and/or password provided by Moodle. 401")]
#[case::none(&[], "No user and/or password included in the request. 401")]
fn curl_gets_the_status_for_its_credentials(#[case] more: &[&str], #[case] expected: &str) {
    let server = TestServer::start();
    let url = server.url("/training");
    let arguments = [&["-sS", "-X", "POST", "-w", " %{http_code}", &url], more].concat();
    let Some(output) = run("curl", &arguments) else { return };
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
}
