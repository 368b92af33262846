//! `moodle-mlbackend passwd`: the server accepts its entries, and typed passwords are never printed.

use std::io::Write as _;
use std::process::{Output, Stdio};

use moodle_mlbackend::auth::users::Users;
use rstest::rstest;

use crate::common::program;

fn passwd(args: &[&str], lines: &str) -> Output {
    let mut child = program(&["passwd"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    // The command may refuse its arguments and exit before it reads.
    let _ = stdin.write_all(lines.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("ends")
}

fn users(output: &Output) -> Users {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value = std::str::from_utf8(&output.stdout).expect("text");
    assert_eq!(value.lines().count(), 1, "{value}");
    value.trim_end().parse().expect("a value that the server accepts")
}

#[rstest]
#[case("argon2id")]
#[case("sha256")]
#[case("sha512")]
fn the_server_accepts_the_value_and_only_the_right_passwords(#[case] scheme: &str) {
    let output = passwd(&["--scheme", scheme, "moodle", "school"], "first-password\r\nother-password\n");
    let users = users(&output);
    assert!(users.verify("moodle", "first-password"));
    assert!(users.verify("school", "other-password"));
    assert!(!users.verify("moodle", "other-password"));
    assert!(!users.verify("unknown", "first-password"));
}

#[test]
fn argon2id_is_the_default_scheme() {
    let output = passwd(&["moodle"], "a-long-password\n");
    assert!(output.stdout.starts_with(b"moodle:argon2id:"));
}

#[test]
fn the_value_and_the_errors_never_contain_a_typed_password() {
    let output = passwd(&["moodle", "school"], "a-secret-password\nanother secret\n");
    assert!(!output.status.success());
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_generated_password_is_shown_once_on_stderr_and_works() {
    let output = passwd(&["--generate", "moodle"], "");
    let users = users(&output);
    let shown = String::from_utf8(output.stderr.clone()).expect("text");
    let password = shown.trim_end().strip_prefix("moodle: ").expect("the user and the password");
    assert!(users.verify("moodle", password), "{shown}");
}

#[rstest]
#[case::no_user(&[], "", "USER")]
#[case::an_empty_name(&[""], "x\n", "A-Z a-z 0-9 _ -")]
#[case::a_name_with_a_colon(&["a:b"], "x\n", "A-Z a-z 0-9 _ -")]
#[case::a_name_with_a_comma(&["a,b"], "x\n", "A-Z a-z 0-9 _ -")]
#[case::a_name_with_a_line_break(&["a\nb"], "x\n", "A-Z a-z 0-9 _ -")]
#[case::a_name_with_a_space(&["a b"], "x\n", "A-Z a-z 0-9 _ -")]
#[case::a_user_twice(&["a", "a"], "x\nx\n", "twice")]
#[case::no_line_for_the_second(&["a", "b"], "a-long-password\n", "b")]
#[case::an_empty_password(&["a"], "\n", "empty")]
#[case::a_well_known_password(&["a"], "The-Password\n", "well known")]
#[case::a_password_with_a_space(&["a"], "pass word\n", "A-Z a-z 0-9 _ -")]
#[case::a_password_beyond_ascii(&["a"], "pünktchen\n", "A-Z a-z 0-9 _ -")]
#[case::a_password_with_a_colon(&["a"], "a:b\n", "A-Z a-z 0-9 _ -")]
#[case::a_password_with_a_comma(&["a"], "a,b\n", "A-Z a-z 0-9 _ -")]
fn refuses_invalid_input_with_a_reason(#[case] args: &[&str], #[case] lines: &str, #[case] reason: &str) {
    let output = passwd(args, lines);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(reason), "{stderr}");
}
