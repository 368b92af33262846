//! docs/settings.md and deploy/config.toml, rendered from the definitions of the settings.
//!
//! Owns the layout and introductions of both. Must not know a particular setting.

use std::env;
use std::fmt::Write as _;
use std::fs;

use super::definition::{Definition, definitions};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/config.toml");
const REGENERATE: &str = "REGENERATE=1 cargo test --lib settings_page";

const INTRODUCTION: &str = "\
# Settings

Every setting of `moodle-mlbackend serve` is an environment variable. Most are flags too, and all can be in a TOML file, whose
keys are the flags without dashes: `port = 5000`. Where a setting is set twice, the order is

1. the flag,
2. the environment variable,
3. for secrets: the file that the variable with `_FILE` at its end names, then a credential of systemd,
4. the TOML file: `--config FILE`, or `/etc/moodle-mlbackend/config.toml` if it exists,
5. the default.

`moodle-mlbackend config` shows the settings in force and where each comes from; `--json` prints them for programs. After
SIGHUP the server reads the files again; settings that change then, without a restart, have *yes* in the column SIGHUP.
[operations.md](operations.md#settings-in-files) has examples, [config.toml](../deploy/config.toml) lists all keys.

Sizes are bytes, or numbers with `KiB`, `MiB` or `GiB` (`K`, `M`, `G` and `KB`, `MB`, `GB` mean the same powers of 1024).
Switches are turned on by `1`, `true`, `yes` or `on`, in the TOML file by `true`. An empty variable counts as unset.

This page and `deploy/config.toml` are generated from the program. Do not edit them: change the doc comment in `src/config/`
and run `REGENERATE=1 cargo test --lib settings_page`.
";

const TABLE: &str = "
| Variable | Flag | Default | SIGHUP | Description |
|---|---|---|---|---|
";

const ADVANCED: &str = "
The defaults fit every Moodle. `serve --help` does not list these settings.
";

const EXAMPLE_INTRODUCTION: &str = "\
# /etc/moodle-mlbackend/config.toml
#
# Settings of `moodle-mlbackend serve`. This file lists all of them, with their defaults or an example. To set one, remove the #
# at the beginning of its line. Flags and environment variables have precedence over this file.
#
# The server reads this file when it starts and after SIGHUP (systemctl reload moodle-mlbackend). `moodle-mlbackend config`
# shows the settings in force and where each comes from.
#
# Generated from the program: docs/settings.md says how.
";

const WIDTH: usize = 110;

/// The settings by heading, in the order in which the headings appear first; the advanced ones last.
fn sections() -> Vec<(String, Vec<Definition>)> {
    let mut sections: Vec<(String, Vec<Definition>)> = Vec::new();
    let (advanced, usual): (Vec<_>, Vec<_>) =
        definitions().into_iter().partition(|definition| definition.arg().is_hide_set());
    for definition in usual {
        let is_about_users = definition.is_secret() || definition.is_secret_file;
        let default = if is_about_users { "Users and secrets" } else { "General" };
        let heading = definition.arg().get_help_heading().unwrap_or(default).to_owned();
        match sections.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, list)) => list.push(definition),
            None => sections.push((heading, vec![definition])),
        }
    }
    sections.push(("Advanced".to_owned(), advanced));
    sections
}

fn help(definition: &Definition) -> String {
    definition.arg().get_help().map(ToString::to_string).unwrap_or_default()
}

fn page() -> String {
    let mut page = format!("{INTRODUCTION}{TABLE}");
    row(&mut page, &Definition::of_the_file());
    for (title, settings) in sections() {
        let text = if title == "Advanced" { ADVANCED } else { "" };
        let _ = write!(page, "\n## {title}\n{text}{TABLE}");
        settings.iter().for_each(|setting| row(&mut page, setting));
    }
    page
}

fn row(page: &mut String, setting: &Definition) {
    let (arg, variable, key) = (setting.arg(), setting.variable(), setting.key());
    let flag =
        if setting.is_flag() { format!("`--{key}`") } else { format!("none; `{key}` in the TOML file") };
    let values = if arg.is_hide_default_value_set() { &[] } else { arg.get_default_values() };
    let default = values.first().map(|value| format!(" `{}`", value.to_string_lossy())).unwrap_or_default();
    let live = if setting.is_live { " yes" } else { "" };
    let help = help(setting).replace('|', "\\|");
    let _ = writeln!(page, "| `{variable}` | {flag} |{default} |{live} | {help} |");
}

fn example() -> String {
    let mut file = EXAMPLE_INTRODUCTION.to_owned();
    for (title, settings) in sections() {
        let _ = write!(file, "\n# --- {title} ---\n");
        for setting in settings {
            let _ = write!(file, "\n{}#{}\n", comment(&help(&setting)), setting.toml_example());
        }
    }
    file
}

/// Text as lines of a comment.
fn comment(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), "#".to_owned());
    for word in text.split_whitespace() {
        if line.len() + word.len() >= WIDTH {
            let _ = writeln!(lines, "{line}");
            "#".clone_into(&mut line);
        }
        let _ = write!(line, " {word}");
    }
    let _ = writeln!(lines, "{line}");
    lines
}

/// The variables of the first releases keep their names.
const WITH_OTHER_NAMES: [&str; 4] = [
    super::variables::DATA_DIR,
    super::variables::S3_BUCKET,
    super::variables::TEMP_DIR,
    super::variables::STASH_DIR,
];

#[test]
fn a_variable_is_called_like_its_flag_and_none_like_a_removed_one() {
    let definitions = definitions();
    let flags: Vec<&Definition> = definitions.iter().filter(|definition| definition.is_flag()).collect();
    assert!(flags.len() > 30, "{}", flags.len());
    for (flag, variable) in flags.iter().map(|flag| (flag.key(), flag.variable())) {
        let usual = format!("MOODLE_MLBACKEND_{}", flag.to_uppercase().replace('-', "_"));
        assert!(variable == usual || WITH_OTHER_NAMES.contains(&variable), "--{flag} and {variable}");
        assert!(!super::removed::REMOVED.contains(&variable), "{variable} is logged as ignored");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "both are files of the source tree")]
fn the_settings_page_and_the_example_match_the_definitions() {
    for (path, text) in [(PAGE, page()), (EXAMPLE, example())] {
        if env::var_os("REGENERATE").is_some() {
            fs::write(path, &text).expect("the file is writable");
        }
        let committed = fs::read_to_string(path).unwrap_or_default();
        assert!(committed == text, "{path} differs from the settings in src/config: run {REGENERATE}");
    }
}
