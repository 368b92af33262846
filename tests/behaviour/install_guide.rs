//! The guides: their marked commands work and print what the page shows, and the settings that they name exist.
//!
//! Owns running the guides. Must not know what their commands do.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use super::shipped_models;
use crate::common::{Form, Launch, Request, free_port, tool, untouched};

const PROGRAM: &str = env!("CARGO_BIN_EXE_moodle-mlbackend");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The guides whose marked blocks are run, in this order.
const GUIDES: [&str; 6] = [
    "INSTALL.md",
    "docs/troubleshooting.md",
    "docs/jobs.md",
    "docs/workers.md",
    "docs/operations.md",
    "docs/migrating.md",
];

/// The generated page of all settings.
const SETTINGS: &str = "docs/settings.md";

/// The marked blocks of all guides. Without this number, a block that loses its mark would silently not be tested.
const MARKED_BLOCKS: usize = 36;

#[test]
fn the_marked_commands_of_the_guides_work_and_print_the_shown_output() {
    let test = "the_marked_commands_of_the_guides";
    let (Some(_), Some(_)) = (tool(test, "wget"), tool(test, "curl")) else { return };
    let Some(_) = tool(test, "redis-server") else { return };
    let blocks: Vec<Block> = GUIDES.into_iter().flat_map(|guide| marked_blocks(&read(guide))).collect();
    assert_eq!(blocks.len(), MARKED_BLOCKS, "{blocks:?}");

    let (work, printed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let port = free_port();
    let output = untouched(&mut Command::new("sh"))
        .args(["-c", &script(&blocks, port, printed.path())])
        .current_dir(work.path())
        .env("PATH", path_with_the_program())
        .env("HOME", work.path()) // no .wgetrc, no .curlrc
        .env("MOODLE_MLBACKEND_PORT", port.to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();

    let stderr = String::from_utf8_lossy(&output.stderr);
    for (number, block) in blocks.iter().enumerate() {
        let printed = fs::read_to_string(printed.path().join(number.to_string()));
        let printed = printed.unwrap_or_else(|_| panic!("not reached: {}\n{stderr}", block.commands));
        if let Some(expected) = &block.expected {
            assert_eq!(printed.trim_end_matches('\n'), expected, "printed by {}\n{stderr}", block.commands);
        }
    }
    assert!(output.status.success(), "the last command failed: {stderr}");
}

/// Blocks that no test runs, because they need a machine of their own, are at least shell. `packaging/tests/new_user.py` runs those
/// marked `sh bare` in bare systems.
#[test]
fn every_other_block_of_the_installation_guides_is_valid_shell_and_names_existing_files() {
    let guides = ["INSTALL.md", "docs/installation.md"].map(read);
    let blocks: Vec<&str> = guides
        .iter()
        .flat_map(|guide| guide.split("\n```sh").skip(1))
        .filter(|block| !block.starts_with(" test"))
        .map(|block| block.split_once('\n').unwrap().1.split("\n```").next().unwrap())
        .collect();
    assert!(blocks.len() > 15, "{blocks:?}");
    for block in blocks {
        let output = Command::new("sh").args(["-n", "-c", block]).output().unwrap();
        assert!(output.status.success(), "{block}: {output:?}");
        let words = block.split([' ', '\n']).filter(|word| word.starts_with("deploy/"));
        // The administrator makes this one.
        for word in words.filter(|word| *word != "deploy/users.env") {
            assert!(Path::new(ROOT).join(word).exists(), "{block} names {word}");
        }
    }
}

#[test]
fn the_commands_of_the_installation_guides_have_subcommands_and_flags_that_exist() {
    let text = ["INSTALL.md", "docs/installation.md"].map(read).concat().replace("\\\n", " ");
    let commands = text.split("\n```sh").skip(1).flat_map(|block| {
        let block = block.split("\n```").next().expect("the first part");
        block
            .split(['\n', '|', ';', '&', '('])
            .filter_map(|command| command.split("moodle-mlbackend ").nth(1))
    });
    let is_name = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    let mut flags = 0;
    for command in commands {
        let mut words = command.split_whitespace();
        // Otherwise it is the name of a file, or local mode.
        let Some(subcommand) = words.next().filter(is_name) else { continue };
        let help = Command::new(PROGRAM).args([subcommand, "--help"]).output().unwrap();
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        assert!(help.contains("Usage: "), "{command}: there is no {subcommand}");
        let names = words.filter(|word| word.starts_with("--")).filter_map(|word| word.split('=').next());
        for flag in names {
            assert!(help.contains(flag), "{command}: {subcommand} has no {flag}");
            flags += 1;
        }
    }
    assert!(flags > 5, "{flags}");
}

#[test]
fn the_commands_for_an_own_model_import_a_model_of_scikit_learn() {
    let test = "the_commands_for_an_own_model";
    let (Some(_), Some(_)) = (tool(test, "zip"), tool(test, "curl")) else { return };
    let page = read("docs/own-models.md");
    let block = |language: &str| {
        let rest = page.split(&format!("```{language}\n")).nth(1).expect("a block");
        rest.split("```").next().expect("the end of the block")
    };
    let example: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    assert!(example["features"].as_array().is_some_and(|names| names.len() == 2), "{example}");
    assert_eq!(example["classes"], serde_json::json!([0, 1]));

    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "moodle:secret").start();
    let (work, model) = (TempDir::new().unwrap(), Path::new(ROOT).join("models/scikit-learn"));
    for name in ["model.onnx", "model.json"] {
        fs::copy(model.join(name), work.path().join(name)).unwrap();
    }
    let commands = block("sh").replace("127.0.0.1:5000", &server.address.to_string());
    let output = untouched(&mut Command::new("sh"))
        .args(["-euc", &commands])
        .current_dir(work.path())
        .env("HOME", work.path())
        .env("PASSWORD", "secret")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.trim_end().ends_with("Ok"), "{output:?}");
    let samples = Form::model("ID", "HASH").file("dataset", &fs::read(model.join("samples.csv")).unwrap());
    let request = Request::new("POST", "/prediction").credentials("moodle", "secret").form(&samples);
    shipped_models::compare(&model, &server.send(&request).json()["predictions"]);
}

#[test]
fn the_tables_of_settings_match_serve_help() {
    let page = read(SETTINGS);
    let (usual, advanced) = page.split_once("\n## Advanced\n").expect("a section of advanced settings");
    let (mut usual, advanced) = (settings_tables(usual), settings_tables(advanced));
    for secret in ["MOODLE_MLBACKEND_PYTHON_USERS", "MOODLE_MLBACKEND_PYTHON_USERS_FILE"] {
        let users = usual.remove(secret).expect("the users are on the page");
        assert_eq!(users, Setting { flag: None, default: String::new() });
    }
    // The files of other secrets.
    usual.retain(|variable, setting| setting.flag.is_some() || !variable.ends_with("_FILE"));
    assert_eq!(usual, settings_of_help());
    assert!(!advanced.is_empty() && advanced.keys().all(|variable| !usual.contains_key(variable)));
    // The help hides advanced flags. `serve` refuses an unknown flag before it prints the help.
    let mut serve = Command::new(PROGRAM);
    untouched(&mut serve).arg("serve");
    for setting in advanced.into_values() {
        serve.args([setting.flag.expect("each advanced setting has a flag"), setting.default]);
    }
    let output = serve.arg("--help").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn every_variable_in_the_guides_and_deployment_files_is_a_setting() {
    let mut known: BTreeSet<String> = settings_tables(&read(SETTINGS)).into_keys().collect();
    known.insert("MOODLE_MLBACKEND_REPLAY_PASSWORD".to_owned()); // of a command
    known.insert("MOODLE_MLBACKEND_JOBS_PASSWORD".to_owned()); // the same
    let mut files = vec![Path::new(ROOT).join("INSTALL.md"), Path::new(ROOT).join("README.md")];
    for directory in [
        "deploy",
        "deploy/systemd",
        "deploy/kubernetes",
        "deploy/terraform",
        "deploy/fail2ban",
        "packaging/debian",
    ] {
        files.extend(files_in(directory));
    }
    // Without the changelog, which also names removed settings.
    files.extend(files_in("docs").into_iter().filter(|file| file.extension() == Some(OsStr::new("md"))));
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        for variable in words.filter(|word| word.starts_with("MOODLE_ML")) {
            assert!(known.contains(variable), "{} names {variable}", file.display());
        }
    }
}

fn read(page: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

fn files_in(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(directory)).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

/// Commands of a guide.
#[derive(Debug)]
struct Block {
    commands: String,
    /// The output that the guide shows, without the last line end.
    expected: Option<String>,
}

/// The blocks marked `sh test`, each with the output in the `text` block directly after it.
fn marked_blocks(guide: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut output_may_follow = false; // no text since the last marked block
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            output_may_follow &= line.is_empty();
            continue;
        };
        let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let content = content.join("\n");
        match blocks.last_mut() {
            _ if language == "sh test" => blocks.push(Block { commands: content, expected: None }),
            Some(block) if output_may_follow && language == "text" => block.expected = Some(content),
            _ => {}
        }
        output_may_follow = language == "sh test";
    }
    blocks
}

/// A script of all blocks, which writes the standard output of each block to a file.
fn script(blocks: &[Block], port: u16, printed: &Path) -> String {
    // Stop the server if a command fails.
    let mut script = "set -eu\ntrap 'kill \"${SERVER:-}\"' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        let commands = block.commands.replace("5000", &port.to_string());
        let _ = writeln!(script, "exec > '{}/{number}'\n{commands}", printed.display());
    }
    script + "trap - EXIT\n"
}

fn path_with_the_program() -> OsString {
    let directory = Path::new(PROGRAM).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(directory).chain(env::split_paths(&path))).unwrap()
}

/// The documentation of a setting.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    /// The long flag, with its dashes.
    flag: Option<String>,
    /// Empty without a default.
    default: String,
}

/// The settings in all tables of a page, by variable.
fn settings_tables(text: &str) -> BTreeMap<String, Setting> {
    let mut settings = BTreeMap::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line.starts_with("| Variable | Flag | Default |")) {
        settings.extend(lines.by_ref().skip(1).take_while(|line| line.starts_with('|')).map(table_row));
    }
    settings
}

fn table_row(row: &str) -> (String, Setting) {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [variable, flag, default, _sighup, description] = cells[..] else { panic!("not five cells: {row}") };
    assert!(!description.is_empty(), "{row}");
    let flag = flag.split('`').find(|word| word.starts_with("--")).map(str::to_owned);
    let default = match default {
        "" => between(description, "[default: ", "]").unwrap_or_default(),
        cell => cell,
    };
    (variable.replace('`', ""), Setting { flag, default: default.replace('`', "") })
}

/// The settings that `serve --help` lists, by variable.
fn settings_of_help() -> BTreeMap<String, Setting> {
    let help = untouched(Command::new(PROGRAM).args(["serve", "--help"])).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    // The text of a flag can continue on further lines.
    let mut flags: Vec<String> = Vec::new();
    for line in help.lines().map(str::trim) {
        match flags.last_mut() {
            _ if line.starts_with('-') && !line.starts_with("- ") => flags.push(line.to_owned()),
            Some(flag) => *flag = format!("{flag} {line}"),
            None => {}
        }
    }
    flags
        .iter()
        .filter_map(|text| {
            // A secret has no value there.
            let variable = between(text, "[env: ", "]")?.split('=').next()?.to_owned();
            let flag = text.split([' ', ',']).find(|word| word.starts_with("--")).map(str::to_owned);
            let default = between(text, "[default: ", "]").unwrap_or_default().to_owned();
            Some((variable, Setting { flag, default }))
        })
        .collect()
}

/// The text between the first `start` and the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}
