//! `moodle-mlbackend config`: the settings in force, and where each comes from.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{Output, program};

/// The settings that are never shown.
const SECRETS: [&str; 3] = ["users", "sentry-dsn", "redis-url"];

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A command with an existing data directory, and no file but those of the test.
fn config(data: &Path, arguments: &[&str]) -> Command {
    let mut command = program(&["config"]);
    command.args(arguments).env("MOODLE_MLBACKEND_PYTHON_DIR", data);
    command
}

#[track_caller]
fn settings(output: &Output) -> Value {
    let mut printed: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    printed["settings"].take()
}

#[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
fn file(directory: &Path, content: &str) -> String {
    let path = directory.join("config.toml");
    fs::write(&path, content).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// The flags that docs/settings.md lists.
fn flags() -> BTreeSet<String> {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/settings.md")).expect("a page");
    let rows = page.lines().filter(|line| line.starts_with("| `MOODLE_"));
    let flags = rows.filter_map(|row| Some(row.split("| `--").nth(1)?.split('`').next()?.to_owned()));
    // The file cannot name itself.
    flags.filter(|flag| flag != "config" && !SECRETS.contains(&flag.as_str())).collect()
}

/// All examples of deploy/config.toml, with directories and files that exist.
fn all_examples(directory: &Path) -> String {
    let example = fs::read_to_string(Path::new(ROOT).join("deploy/config.toml")).expect("the example");
    let lines =
        example.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with(' '));
    let is_secret = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| SECRETS.contains(&key));
    let lines = lines.filter(|line| !line.is_empty() && !is_secret(line));
    let lines: Vec<String> = lines
        .map(|line| match line.split_once(" = ") {
            Some((key, _)) if SECRETS.iter().any(|secret| key == format!("{secret}-file")) => {
                format!("{key} = \"{}\"", directory.join(key).display())
            }
            Some((key, _)) if key.ends_with("-dir") => format!("{key} = \"{}\"", directory.display()),
            _ => line.to_owned(),
        })
        .collect();
    lines.join("\n")
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
fn every_flag_can_be_set_in_the_file_as_the_example_shows() {
    let directory = tempfile::tempdir().expect("a directory");
    let values =
        ["moodle:pw-of-moodle\n", "https://key@sentry.example.org/1\n", "redis://:pw-of-redis@127.0.0.1\n"];
    for (secret, value) in SECRETS.into_iter().zip(values) {
        fs::write(directory.path().join(format!("{secret}-file")), value).expect("written");
    }
    let examples = all_examples(directory.path());
    let mut command = program(&["config", "--json", "--config", &file(directory.path(), &examples)]);
    let output = Output::of(&mut command);
    let settings = settings(&output);
    let flags = flags();
    assert!(flags.len() > 35, "{flags:?}");
    for flag in &flags {
        assert_eq!(settings[flag]["source"], "toml", "{flag}: {}", settings[flag]);
        let from = settings[flag]["from"].as_str().expect("a text");
        let line: usize = from.rsplit(' ').next().expect("a line").parse().expect("a number");
        let (key, value) = examples.lines().nth(line - 1).expect("a line").split_once(" = ").expect("a key");
        let expected = value.trim_matches(['[', ']']).trim_matches('"');
        assert_eq!((key, settings[flag]["value"].as_str()), (flag.as_str(), Some(expected)));
    }
    for secret in SECRETS {
        assert_eq!(settings[secret]["source"], "toml-file", "{secret}: {}", settings[secret]);
    }
    let shown: BTreeSet<String> = settings.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(shown, flags.into_iter().chain(SECRETS.map(str::to_owned)).collect());
}

#[test]
fn a_setting_comes_from_the_flag_then_the_variable_then_the_file_then_the_default() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "max-rows = 3\nmax-columns = 3\nmax-classes = 3\n");
    let mut command = config(directory.path(), &["--json", "--config", &path, "--max-rows", "1"]);
    command.env("MOODLE_MLBACKEND_MAX_ROWS", "2").env("MOODLE_MLBACKEND_MAX_COLUMNS", "2");
    let output = Output::of(&mut command);
    output.expect_code(0);
    let settings = settings(&output);
    let of = |name: &str| {
        let text = |key: &str| settings[name][key].as_str().unwrap_or_default().to_owned();
        (text("value"), text("source"), text("from"))
    };
    let expected =
        |value: &str, source: &str, from: &str| (value.to_owned(), source.to_owned(), from.to_owned());
    assert_eq!(of("max-rows"), expected("1", "flag", "command line"));
    assert_eq!(of("max-columns"), expected("2", "variable", "variable MOODLE_MLBACKEND_MAX_COLUMNS"));
    assert_eq!(of("max-classes"), expected("3", "toml", &format!("{path}, line 3")));
    assert_eq!(of("max-kept-rows"), expected("1000000", "default", "default"));
    assert_eq!(of("stash-dir"), expected("", "unset", "not set"));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "max-rows = 3\n");
    let mut command = config(directory.path(), &["--json", "--config", &path]);
    command.env("MOODLE_MLBACKEND_MAX_ROWS", "").env("MOODLE_MLBACKEND_PORT", "");
    let output = Output::of(&mut command);
    output.expect_code(0);
    let settings = settings(&output);
    assert_eq!((&settings["max-rows"]["value"], &settings["port"]["value"]), (&"3".into(), &"5000".into()));
}

#[test]
fn secrets_are_hidden_in_every_format() {
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&[][..], &["--json"]] {
        let mut command = config(directory.path(), arguments);
        command.env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:open-sesame,bob:open-sesame");
        let text = Output::of(&mut command).expect_code(0);
        assert!(text.contains("users") && !text.contains("sesame"), "{text}");
    }
    let mut command = config(directory.path(), &[]);
    let text = Output::of(command.env("MOODLE_MLBACKEND_PYTHON_USERS", "ann:open-sesame")).expect_code(0);
    assert!(text.contains("1 user (hidden)"), "{text}");
}

#[test]
fn shows_the_settings_and_fails_when_the_server_would_not_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = config(directory.path(), &["--temp-dir", "/nowhere/at/all"]);
    let output = Output::of(&mut command);
    output.expect_code(1);
    assert!(output.stdout.contains("/nowhere/at/all"), "{output:?}");
    assert!(output.stderr.contains("MOODLE_MLBACKEND_TEMPDIR is set to /nowhere/at/all"), "{output:?}");
}

#[test]
fn the_table_says_which_settings_need_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = Output::of(&mut config(directory.path(), &[])).expect_code(0);
    let row = |key: &str| text.lines().find(|line| line.starts_with(&format!("| {key} "))).expect("a row");
    assert!(row("port").contains("needs a restart"), "{text}");
    assert!(row("max-rows").contains("takes effect"), "{text}");
}
