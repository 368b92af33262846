//! Users in files: the variable with `_FILE`, a credential of systemd, and the keys of the TOML file.

use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::common::{Launch, Request, TestServer};

const USERS: &str = "MOODLE_MLBACKEND_PYTHON_USERS";
const FILE: &str = "MOODLE_MLBACKEND_PYTHON_USERS_FILE";

/// Writes a file, and returns its path.
#[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
fn write(path: &Path, content: impl AsRef<[u8]>) -> String {
    fs::write(path, content).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// A launch without users, and the path of a file of its directory with this content.
fn with_file(name: &str, content: impl AsRef<[u8]>) -> (Launch, String) {
    let launch = Launch::new().without(USERS);
    let path = write(&launch.path(name), content);
    (launch, path)
}

fn status(server: &TestServer, user: &str, password: &str) -> u16 {
    // A right password only lacks the parameter uniqueid.
    server.send(&Request::new("GET", "/export").credentials(user, password)).status
}

#[rstest]
#[case::one_line("ann:pw-1,bob:pw-2\n")]
#[case::no_line_end("ann:pw-1,bob:pw-2")]
#[case::one_entry_per_line("ann:pw-1\nbob:pw-2\n")]
#[case::windows_lines("ann:pw-1\r\nbob:pw-2\r\n")]
#[case::commas_and_lines("ann:pw-1,\nbob:pw-2,\n")]
#[case::comments("# the first site\nann:pw-1\n\n# the second\nbob:pw-2\n")]
#[case::a_byte_order_mark("\u{feff}ann:pw-1\nbob:pw-2\n")]
fn a_users_file_is_read_as_people_and_tools_write_it(#[case] content: &str) {
    let (launch, path) = with_file("users", content);
    let server = launch.env(FILE, &path).start();
    assert_eq!([status(&server, "ann", "pw-1"), status(&server, "bob", "pw-2")], [500; 2]);
    assert_eq!([status(&server, "ann", "pw-2"), status(&server, "ann", "pw-1\n")], [401; 2]);
    let log = server.log();
    assert!(!log.contains("WARN") && !log.contains("pw-1"), "{log}");
}

#[test]
fn the_variable_has_precedence_over_the_file_and_an_empty_one_has_not() {
    let (launch, path) = with_file("users", "ann:pw-of-the-file");
    let server = launch.env(FILE, &path).env(USERS, "ann:pw-of-the-variable").start();
    assert_eq!(status(&server, "ann", "pw-of-the-variable"), 500);
    assert_eq!(status(&server, "ann", "pw-of-the-file"), 401);
    let expected = format!("{path} (variable {FILE}) is ignored, because variable {USERS} has precedence");
    assert!(server.log().contains(&expected), "{}", server.log());

    let (launch, path) = with_file("users", "ann:pw-of-the-file");
    let server = launch.env(FILE, &path).env(USERS, "").start();
    assert_eq!(status(&server, "ann", "pw-of-the-file"), 500);
}

#[test]
fn a_credential_of_systemd_comes_after_the_variables_and_before_the_toml_file() {
    let passwords = ["pw-of-the-variable-file", "pw-of-the-credential", "pw-of-the-toml-file"];
    for (first, expected) in passwords.iter().enumerate() {
        let launch = Launch::new().without(USERS);
        let credentials = launch.path("stash");
        write(&launch.path("file"), "ann:pw-of-the-variable-file\n");
        if first <= 1 {
            // As `LoadCredential=users:FILE` does.
            write(&credentials.join("users"), "ann:pw-of-the-credential\n");
        }
        let toml = write(&launch.path("config.toml"), "users = [\"ann:pw-of-the-toml-file\"]\n");
        let file = launch.path("file");
        let file = if first == 0 { file.to_str().expect("UTF-8") } else { "" };
        let launch =
            launch.env(FILE, file).env("CREDENTIALS_DIRECTORY", credentials.to_str().expect("UTF-8"));
        let server = launch.arg("--config").arg(&toml).start();
        for password in passwords {
            assert_eq!(
                status(&server, "ann", password),
                if password == *expected { 500 } else { 401 },
                "{password}"
            );
        }
    }
}

#[test]
fn the_toml_file_can_name_the_users_file() {
    let (launch, users) = with_file("users", "ann:pw-1\n");
    let toml = write(&launch.path("config.toml"), format!("users-file = {users:?}\n"));
    let server = launch.arg("--config").arg(&toml).start();
    assert_eq!(status(&server, "ann", "pw-1"), 500);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[rstest]
#[case::an_empty_file("", "the file is empty")]
#[case::an_empty_line("\n", "the file is empty")]
#[case::only_comments("# ann:pw\n", "entry 1: it is empty")]
#[case::a_line_of_an_environment_file(
    "MOODLE_MLBACKEND_PYTHON_USERS=ann:open-sesame",
    "it begins with the name of the variable"
)]
#[case::json("{\"ann\": \"open-sesame\"}", "it begins with a bracket")]
#[case::a_second_entry(
    "ann:pw-1\nbob:md5:open:sesame\n",
    "entry 2 (user \"bob\"): the hash is of an unknown kind"
)]
#[case::a_binary_file(vec![b'a'; 3 << 20], "larger than 2 MiB")]
fn a_wrong_file_stops_the_start_with_its_name(#[case] content: impl AsRef<[u8]>, #[case] problem: &str) {
    let (launch, path) = with_file("users", content);
    let ended = launch.env(FILE, &path).fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(USERS) && ended.stderr.contains(problem), "{}", ended.stderr);
    assert!(ended.stderr.contains(&path) && !ended.stderr.contains("sesame"), "{}", ended.stderr);
}

#[test]
fn a_missing_file_stops_the_start_with_an_example() {
    let ended = Launch::new().without(USERS).env(FILE, "/nowhere/users").fail();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains(&format!("/nowhere/users (variable {FILE}): the file cannot be read")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("for example /etc/moodle-mlbackend/users"), "{}", ended.stderr);
}
