//! docs/settings.md, rendered from the definitions of the settings.
//!
//! Owns the page's layout and introduction. Must not know a particular setting, apart from the users, which have no flag.

use std::env;
use std::fmt::Write as _;
use std::fs;

use clap::{Arg, Args as _, Command};

use super::ServeArgs;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
const REGENERATE: &str = "REGENERATE=1 cargo test --lib settings_page";

const INTRODUCTION: &str = "\
# Settings

Every setting of `moodle-mlbackend serve` is an environment variable. Most are flags too; a flag overrides its variable.
Sizes are bytes, or numbers with `KiB`, `MiB` or `GiB` (`K`, `M`, `G` and `KB`, `MB`, `GB` mean the same powers of 1024).
Switches are turned on by `1`, `true`, `yes` or `on`. An empty directory variable counts as unset.

This page is generated from the program. Do not edit it: change the doc comment in `src/config/` and run
`REGENERATE=1 cargo test --lib settings_page`.

## Users

| Variable | Flag | Default | Description |
|---|---|---|---|
| `MOODLE_MLBACKEND_PYTHON_USERS` | none: other users of the machine can read command lines | | Users and their passwords: \
`user:password` or `user:SCHEME:SALT:HASH`, several separated by commas. `moodle-mlbackend passwd` makes hashed entries. \
Without it, every request except `/version` and health checks is refused |
";

const ADVANCED: &str = "
The defaults fit every Moodle. `serve --help` does not list these settings.
";

fn page() -> String {
    let command = ServeArgs::augment_args(Command::new("serve"));
    let (advanced, usual): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(|arg| arg.get_env().is_some()).partition(|arg| arg.is_hide_set());
    let heading = |arg: &Arg| arg.get_help_heading().unwrap_or("General").to_owned();
    let mut page = INTRODUCTION.to_owned();
    for settings in usual.chunk_by(|one, other| heading(one) == heading(other)) {
        section(&mut page, &heading(settings[0]), "", settings);
    }
    section(&mut page, "Advanced", ADVANCED, &advanced);
    page
}

fn section(page: &mut String, title: &str, text: &str, settings: &[&Arg]) {
    let _ = write!(
        page,
        "\n## {title}\n{text}\n| Variable | Flag | Default | Description |\n|---|---|---|---|\n"
    );
    for arg in settings {
        let variable = arg.get_env().unwrap_or_default().to_string_lossy();
        let flag = arg.get_long().unwrap_or_default();
        let values = if arg.is_hide_default_value_set() { &[] } else { arg.get_default_values() };
        let default =
            values.first().map(|value| format!(" `{}`", value.to_string_lossy())).unwrap_or_default();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(page, "| `{variable}` | `--{flag}` |{default} | {help} |");
    }
}

/// The variables of the first releases keep their names.
const WITH_OTHER_NAMES: [&str; 3] =
    [super::variables::DATA_DIR, super::variables::TEMP_DIR, super::variables::STASH_DIR];

#[test]
fn a_variable_is_called_like_its_flag_and_none_like_a_removed_one() {
    let command = ServeArgs::augment_args(Command::new("serve"));
    for (flag, variable) in command.get_arguments().filter_map(|arg| arg.get_long().zip(arg.get_env())) {
        let variable = variable.to_str().expect("ASCII");
        let usual = format!("MOODLE_MLBACKEND_{}", flag.to_uppercase().replace('-', "_"));
        assert!(variable == usual || WITH_OTHER_NAMES.contains(&variable), "--{flag} and {variable}");
        assert!(!super::removed::REMOVED.contains(&variable), "{variable} is logged as ignored");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the page is a file of the source tree")]
fn the_settings_page_matches_the_definitions() {
    let page = page();
    if env::var_os("REGENERATE").is_some() {
        fs::write(PATH, &page).expect("docs/settings.md is writable");
    }
    let committed = fs::read_to_string(PATH).unwrap_or_default();
    assert!(committed == page, "docs/settings.md differs from the settings in src/config: run {REGENERATE}");
}
