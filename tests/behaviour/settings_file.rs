//! The TOML file of settings: what stops the start, and which file is read.

use std::fs;
use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::common::{Launch, Output, namespaces, program, untouched};

#[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
fn with_file(content: impl AsRef<[u8]>) -> Launch {
    let launch = Launch::new();
    let path = launch.path("config.toml");
    fs::write(&path, content).expect("written");
    launch.arg("--config").arg(path.to_str().expect("UTF-8"))
}

#[rstest]
#[case::an_unknown_key("port = 0\n\nmax-row = 5\n", 3, "\"max-row\" is not a setting", "max-rows = 5000000")]
#[case::underscores("max_rows = 5", 1, "a similar one is max-rows", "max-rows = 5000000")]
#[case::a_variable("MOODLE_MLBACKEND_PORT = 5", 1, "a similar one is port", "port = 5000")]
#[case::a_key_like_no_other("zzz = 1", 1, "`moodle-mlbackend config` lists them", "port = 5000")]
#[case::the_file_itself("config = \"x\"", 1, "cannot be set in this file", "port = 5000")]
#[case::a_table("[server]\nport = 0", 1, "at the top level", "port = 5000")]
#[case::a_dotted_key("server.port = 0", 1, "at the top level", "port = 5000")]
#[case::the_same_key_twice("max-rows = 1\nmax-rows = 2", 2, "max-rows is set twice", "max-rows = 5000000")]
#[case::users_and_their_file("users = \"a:pw\"\nusers-file = \"/x\"", 2, "are both set", "users-file = ")]
#[case::a_text_for_a_number("port = \"5000\"", 1, "port is a text: expected a whole number", "port = 5000")]
#[case::a_number_for_a_text(
    "data-dir = 5",
    1,
    "expected a text in quotation marks",
    "data-dir = \"/var/lib/"
)]
#[case::a_fraction("login-failures = 2.5", 1, "is a number with a fraction", "login-failures = 40")]
#[case::a_number_for_a_switch("debug-mode = 1", 1, "expected true or false", "debug-mode = true")]
#[case::a_list_for_a_number("jobs = [1]", 1, "jobs is a list", "jobs = ")]
#[case::a_list_of_numbers(
    "trusted-proxies = [1]",
    1,
    "or a list of texts",
    "trusted-proxies = [\"127.0.0.1\"]"
)]
#[case::a_number_out_of_range("port = 65536", 1, "from 0 to 65535", "port = 5000")]
#[case::a_negative_number("max-rows = -1", 1, "at least 1", "max-rows = 5000000")]
#[case::an_unknown_choice("log-format = \"xml\"", 1, "expected one of text, json", "log-format = \"text\"")]
#[case::a_wrong_size("max-dataset-bytes = \"plenty\"", 1, "expected a size", "max-dataset-bytes = \"1GiB\"")]
#[case::no_quotation_marks("host = localhost", 1, "texts need quotation marks", "host = \"127.0.0.1\"")]
#[case::a_line_of_an_environment_file("a: b", 1, "texts need quotation marks", "port = 5000")]
fn a_wrong_line_stops_the_start_with_its_number_and_an_example(
    #[case] content: &str,
    #[case] line: usize,
    #[case] problem: &str,
    #[case] example: &str,
) {
    let ended = with_file(content).fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let place = format!("config.toml, line {line}: ");
    assert!(ended.stderr.contains(&place) && ended.stderr.contains(problem), "{}", ended.stderr);
    let shown = ended.stderr.split("(example: ").nth(1).unwrap_or_default();
    assert!(shown.starts_with(example), "{}", ended.stderr);
}

#[rstest]
#[case(b"\xff\xfe\x00".to_vec(), "is not UTF-8")]
#[case(vec![b'#'; 2 << 20], "is larger than 1 MiB")]
fn a_file_of_another_kind_stops_the_start(#[case] content: Vec<u8>, #[case] problem: &str) {
    let ended = with_file(content).fail();
    assert!(ended.code == Some(1) && ended.stderr.contains(problem), "{}", ended.stderr);
    assert!(ended.stderr.contains("MOODLE_MLBACKEND_CONFIG"), "{}", ended.stderr);
}

#[test]
fn a_named_file_must_exist() {
    let ended = Launch::new().env("MOODLE_MLBACKEND_CONFIG", "/nowhere/config.toml").fail();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("the file of settings /nowhere/config.toml cannot be read"),
        "{}",
        ended.stderr
    );
}

/// Whatever is wrong with the line.
#[rstest]
#[case("users = ann:open-sesame")]
#[case("users = \"ann:open-sesame")]
#[case("users = 'ann:open-sesame\n")]
#[case("users = [\"ann:open-sesame\"")]
#[case("users = {ann = \"open-sesame\"}")]
#[case("users = \"ann:open-sesame\\q\"")]
#[case("users = \"ann:open-sesame\"\nusers = \"ann:open-sesame\"")]
#[case("users = \"ann\"\"open-sesame\"")]
#[case("users = \"ann: open-sesame\"")]
#[case("users-file = \"/nowhere/at/all\"\nuser = \"ann:open-sesame\"")]
#[case("open-sesame")]
fn no_error_repeats_a_value(#[case] content: &str) {
    let ended = with_file(content).without("MOODLE_MLBACKEND_PYTHON_USERS").fail();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(!ended.stderr.contains("open-sesame"), "{}", ended.stderr);
}

#[test]
fn the_server_works_with_the_values_of_the_file() {
    let server =
        with_file("\u{feff}reported-version = \"3.1\" # a comment\nusers = [\"ann:pw-1\", \"bob:pw-2\"]\n")
            .without("MOODLE_MLBACKEND_PYTHON_USERS")
            .start();
    server.get("/version").expect(200, "3.1");
    for (user, password, status) in [("ann", "pw-1", 500), ("bob", "pw-2", 500), ("ann", "pw-2", 401)] {
        let request = crate::common::Request::new("GET", "/export").credentials(user, password);
        assert_eq!(server.send(&request).status, status, "{user}");
    }
    assert!(server.log().contains("every user of this machine can read"), "{}", server.log());
}

/// The test runs itself again in its own namespaces, in which it can put a file into /etc.
#[test]
fn the_file_in_etc_is_read_if_it_exists() {
    const INSIDE: &str = "MLBACKEND_TEST_ETC";
    let test = "the_file_in_etc_is_read_if_it_exists";
    if std::env::var_os(INSIDE).is_some() {
        return in_its_own_etc();
    }
    let Some(mut unshare) = namespaces(test, &["--mount"]) else { return };
    untouched(unshare.arg(std::env::current_exe().expect("a path")));
    unshare.args(["--exact", &format!("settings_file::{test}"), "--nocapture"]).env(INSIDE, "1");
    let text = Output::of(&mut unshare).expect_code(0);
    assert!(text.contains("1 passed"), "{text}");
}

#[allow(clippy::disallowed_methods, reason = "a file in a temporary file system")]
fn in_its_own_etc() {
    let mount = |arguments: &[&str]| {
        Output::of(Command::new("mount").args(arguments)).expect_code(0);
    };
    mount(&["--make-rprivate", "/"]);
    mount(&["-t", "tmpfs", "none", "/etc"]);
    let port = || {
        let output = Output::of(&mut program(&["config", "--json", "--data-dir", "/etc"]));
        output.expect_code(0);
        let settings: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        settings["settings"]["port"]["from"].as_str().expect("a text").to_owned()
    };
    assert_eq!(port(), "default");
    fs::create_dir(Path::new("/etc/moodle-mlbackend")).expect("created");
    fs::write("/etc/moodle-mlbackend/config.toml", "port = 5001\n").expect("written");
    assert_eq!(port(), "/etc/moodle-mlbackend/config.toml, line 1");
}

/// Otherwise `prune` would remove what the server is set to keep.
#[test]
fn prune_reads_the_file_too() {
    let launch = with_file("keep-runs = 0\nkeep-generations = \"two\"\n");
    let (data, file) = (launch.path("data"), launch.path("config.toml"));
    let text = Output::of(program(&["prune"]).arg(&data).arg("--config").arg(&file)).expect_code(1);
    assert!(text.contains("line 2: keep-generations is a text"), "{text}");
    let text = Output::of(program(&["prune"]).arg(&data).args(["--config", ""])).expect_code(0);
    assert!(text.contains("0 directories removed"), "{text}");
}
