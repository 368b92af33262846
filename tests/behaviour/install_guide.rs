//! INSTALL.md tells the truth: what it says to type works, and what it says of settings is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use super::shipped_models;
use crate::common::{Form, Launch, Request, free_port, tool, untouched};

const PROGRAM: &str = env!("CARGO_BIN_EXE_moodle-mlbackend");
const SOURCES: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_command_of_the_guide_that_is_marked_works_and_prints_what_the_guide_says() {
    let test = "every_command_of_the_guide";
    let (Some(_), Some(_)) = (tool(test, "wget"), tool(test, "curl")) else { return };
    let blocks = tested_blocks(&guide());
    assert!(blocks.len() >= 10, "the guide has lost its tested blocks: {blocks:?}");

    let (work, printed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let port = free_port();
    let done = untouched(&mut Command::new("sh"))
        .args(["-c", &script(&blocks, port, printed.path())])
        .current_dir(work.path())
        .env("PATH", path_with_the_program())
        .env("HOME", work.path()) // no .wgetrc, no .curlrc
        .env("MOODLE_MLBACKEND_PORT", port.to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();

    let told = String::from_utf8_lossy(&done.stderr);
    for (number, block) in blocks.iter().enumerate() {
        let printed = fs::read_to_string(printed.path().join(number.to_string()));
        let printed = printed.unwrap_or_else(|_| panic!("not reached: {}\n{told}", block.commands));
        if let Some(expected) = &block.expected {
            assert_eq!(printed.trim_end_matches('\n'), expected, "printed by {}\n{told}", block.commands);
        }
    }
    assert!(done.status.success(), "the last command failed: {told}");
}

#[test]
fn the_commands_that_bring_a_model_work_with_one_of_scikit_learn() {
    let test = "the_commands_that_bring_a_model";
    let (Some(_), Some(_)) = (tool(test, "zip"), tool(test, "curl")) else { return };
    let guide = guide();
    let section = guide.split("### Bring your own model").nth(1).and_then(|rest| rest.split("\n## ").next());
    let section = section.expect("the section");
    let block = |kind: &str| {
        let rest = section.split(&format!("```{kind}\n")).nth(1).expect("a block");
        rest.split("```").next().expect("its end")
    };
    let example: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    assert!(example["features"].as_array().is_some_and(|names| names.len() == 2), "{example}");
    assert_eq!(example["classes"], serde_json::json!([0, 1]));

    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "moodle:secret").start();
    let (work, model) = (TempDir::new().unwrap(), Path::new(SOURCES).join("models/scikit-learn"));
    for name in ["model.onnx", "model.json"] {
        fs::copy(model.join(name), work.path().join(name)).unwrap();
    }
    let commands = block("sh").replace("127.0.0.1:5000", &server.address.to_string());
    let done = untouched(&mut Command::new("sh"))
        .args(["-euc", &commands])
        .current_dir(work.path())
        .env("HOME", work.path())
        .env("PASSWORD", "secret")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && printed.trim_end().ends_with("Ok"), "{done:?}");
    let samples = Form::model("ID", "HASH").file("dataset", &fs::read(model.join("samples.csv")).unwrap());
    let ask = Request::new("POST", "/prediction").credentials("moodle", "secret").form(&samples);
    shipped_models::compare(&model, &server.send(&ask).json()["predictions"]);
}

#[test]
fn the_guides_table_of_settings_is_what_serve_help_says() {
    let mut table = settings_table(&guide());
    for variable in ["MOODLE_MLBACKEND_PYTHON_USERS", "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME"] {
        let row = table.remove(variable).unwrap_or_else(|| panic!("{variable} is not in the table"));
        assert!(row.flags.is_empty() && row.default == "not set", "{variable}: {row:?}");
    }
    assert_eq!(table, settings_of_help());
}

#[test]
fn every_variable_that_a_text_or_a_deployment_file_names_is_a_setting() {
    let known: BTreeSet<String> = settings_table(&guide()).into_keys().collect();
    let mut files = vec![Path::new(SOURCES).join("INSTALL.md"), Path::new(SOURCES).join("README.md")];
    for directory in ["deploy", "deploy/systemd"] {
        let entries = fs::read_dir(Path::new(SOURCES).join(directory)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    }
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        for variable in words.filter(|word| word.starts_with("MOODLE_ML")) {
            assert!(known.contains(variable), "{} names {variable}", file.display());
        }
    }
}

fn guide() -> String {
    fs::read_to_string(Path::new(SOURCES).join("INSTALL.md")).unwrap()
}

/// Commands of the guide, and what they print.
#[derive(Debug)]
struct Block {
    commands: String,
    /// Without the last line's end.
    expected: Option<String>,
}

/// The blocks marked `sh test`; a `text` block that follows at once is what one prints.
fn tested_blocks(guide: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut follows = false; // only blank lines since a tested block
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            follows &= line.is_empty();
            continue;
        };
        let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let content = content.join("\n");
        match blocks.last_mut() {
            _ if kind == "sh test" => blocks.push(Block { commands: content, expected: None }),
            Some(block) if follows && kind == "text" => block.expected = Some(content),
            _ => {}
        }
        follows = kind == "sh test";
    }
    blocks
}

/// One shell for all blocks; the standard output of each goes into a file of its own.
fn script(blocks: &[Block], port: u16, printed: &Path) -> String {
    // A guide that fails in the middle must not leave its server behind.
    let mut script = "set -eu\ntrap 'kill \"${SERVER:-}\"' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        let commands = block.commands.replace("5000", &port.to_string());
        let _ = writeln!(script, "exec > '{}/{number}'\n{commands}", printed.display());
    }
    script + "trap - EXIT\n"
}

fn path_with_the_program() -> std::ffi::OsString {
    let directory = Path::new(PROGRAM).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(directory).chain(env::split_paths(&path))).unwrap()
}

/// One setting, as it is documented.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    /// With their dashes, the short one first.
    flags: Vec<String>,
    default: String,
}

/// The rows of the guide's table of settings, by variable.
fn settings_table(guide: &str) -> BTreeMap<String, Setting> {
    let rows = guide.lines().skip_while(|line| !line.starts_with("| variable | flag |")).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(table_row).collect()
}

fn table_row(row: &str) -> (String, Setting) {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [variable, flags, default, meaning] = cells[..] else { panic!("not four cells: {row}") };
    assert!(!meaning.is_empty(), "{row}");
    let flags = flags.split('`').filter(|word| word.starts_with('-')).map(str::to_owned).collect();
    (variable.replace('`', ""), Setting { flags, default: default.replace('`', "") })
}

/// What `serve --help` says, by variable. Where it names no default, the table says in words what
/// happens: a switch is off, a directory must be set or is not used.
fn settings_of_help() -> BTreeMap<String, Setting> {
    let help = untouched(Command::new(PROGRAM).args(["serve", "--help"])).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut settings = BTreeMap::new();
    let mut flags: Vec<String> = Vec::new();
    let mut unset = "off";
    let mut default = None;
    let mut variable = None;
    for line in help.lines().map(str::trim).chain(["-"]) {
        if line.starts_with('-') && !line.starts_with("- ") {
            if let Some(variable) = variable.take() {
                let default = default.take().unwrap_or_else(|| unset.to_owned());
                settings.insert(variable, Setting { flags: flags.clone(), default });
            }
            flags = line.split([' ', ',']).filter(|word| word.starts_with('-')).map(str::to_owned).collect();
            unset = match flags.last().map(String::as_str) {
                Some("--data-dir") => "must be set",
                _ if line.contains('<') => "not set",
                _ => "off",
            };
        }
        if let Some((_, rest)) = line.split_once("[env: ") {
            variable = rest.split_once('=').map(|(name, _)| name.to_owned());
        }
        if let Some((_, rest)) = line.split_once("[default: ") {
            default = rest.split_once(']').map(|(value, _)| value.to_owned());
        }
    }
    settings
}
