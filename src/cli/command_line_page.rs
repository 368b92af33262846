//! docs/command-line.md, rendered from the definitions of the commands, the exit codes and the shapes of JSON.
//!
//! Owns the layout and the introduction. Must not know a particular command.

use std::env;
use std::fmt::Write as _;
use std::fs;

use clap::{Arg, Command, CommandFactory as _};

use super::json_shapes::SHAPES;
use super::{Cli, exit_code};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md");
const REGENERATE: &str = "REGENERATE=1 cargo test --lib command_line_page";

const INTRODUCTION: &str = "\
# Command line

`moodle-mlbackend COMMAND --help` and the manual pages (`moodle-mlbackend man DIR`) have the same texts as this page.

- [Common flags](#common-flags)
- [Exit codes](#exit-codes)
- [Commands](#commands)

## Common flags

| flag | meaning |
|---|---|
| `--data-dir DIR` | the data directory of the server. Commands on it run beside the server, as the user of the server, and use its locks |
| `--output FILE`, `-o` | where the result is written to; `-` is standard output. A file is written under another name and renamed when it is complete |
| `--force` | replaces a file that exists. Without it, a command refuses to; directories are never replaced |
| `--json` | prints one JSON value on standard output instead of text. Fields may be added in later releases; those below stay |
| `--yes`, `-y` | does without asking what changes or replaces a model. Where there is no terminal to ask on, it is needed |
| `--quiet`, `-q` | shows no progress. Without a terminal on standard error, there is none anyway |

A dataset named `-` is read from standard input. Colours and boxes are for terminals only, and `NO_COLOR` turns colours off; in a
pipe, tables are Markdown. Errors, warnings and questions go to standard error. A reader that closes the pipe (`| head`) is no
error.

Moodle's local mode, `-m moodlemlbackend.MODULE …`, has the arguments, output and exit codes of the Python server instead.

";

const GENERATED: &str = "
This page is generated from the program. Do not edit it: change the doc comments in `src/cli/` or the shapes in
`src/cli/json_shapes.rs`, and run `REGENERATE=1 cargo test --lib command_line_page`.
";

fn page() -> String {
    let mut program = Cli::command().term_width(100);
    program.build();
    let mut page = INTRODUCTION.to_owned();
    let _ = write!(page, "## Exit codes\n\n{}\n## Commands\n\n", exit_code::markdown());
    let commands: Vec<Command> = program.get_subcommands().cloned().collect();
    for command in &commands {
        let about = text(command.get_about());
        let _ = writeln!(page, "- [`{name}`](#{name}): {about}", name = command.get_name());
    }
    for command in commands {
        section(&mut page, command);
    }
    page + GENERATED
}

fn section(page: &mut String, mut command: Command) {
    let name = command.get_name().to_owned();
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.render_usage().to_string();
    let _ = write!(page, "\n### `{name}`\n\n{}\n\n```text\n{}\n```\n", about.trim(), usage.trim());
    let visible = |arg: &&Arg| !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version";
    let (settings, own): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(visible).partition(|arg| arg.get_env().is_some());
    if !own.is_empty() {
        page.push_str("\n| argument | default | description |\n|---|---|---|\n");
        own.into_iter().for_each(|arg| row(page, arg));
    }
    if !settings.is_empty() {
        let flags: Vec<String> =
            settings.iter().filter_map(|arg| Some(format!("`--{}`", arg.get_long()?))).collect();
        let list = if flags.len() > 8 { "all of them".to_owned() } else { flags.join(", ") };
        let _ = writeln!(
            page,
            "\nSettings of the server, as flags or variables ([settings.md](settings.md)): {list}."
        );
    }
    if let Some(examples) = text(command.get_after_help()).strip_prefix("Examples:\n") {
        let lines: Vec<&str> = examples.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let _ = write!(page, "\n```sh\n{}\n```\n", lines.join("\n"));
    }
    for shape in SHAPES.iter().filter(|shape| shape.command == name) {
        let _ = write!(page, "\n{}\n\n```json\n{}\n```\n", shape.title, shape.example.trim());
    }
}

fn row(page: &mut String, arg: &Arg) {
    let value =
        arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default();
    let shown = match (arg.get_long(), arg.get_short()) {
        (Some(long), short) => {
            let value = if arg.get_action().takes_values() { format!(" {value}") } else { String::new() };
            let short = short.map(|short| format!(", `-{short}`")).unwrap_or_default();
            format!("`--{long}{value}`{short}")
        }
        (None, _) => format!("`{value}`"),
    };
    let hidden = arg.is_hide_default_value_set() || !arg.get_action().takes_values();
    let default = arg.get_default_values().first().filter(|_| !hidden);
    let default = default.map(|value| format!(" `{}`", value.to_string_lossy())).unwrap_or_default();
    let help = text(arg.get_long_help().or(arg.get_help())).split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(page, "| {shown} |{default} | {} |", help.replace('|', "\\|"));
}

fn text(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a file of the source tree")]
fn the_page_matches_the_definitions() {
    let page = page();
    if env::var_os("REGENERATE").is_some() {
        fs::write(PAGE, &page).expect("the file is writable");
    }
    let committed = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(committed == page, "{PAGE} differs from the commands in src/cli: run {REGENERATE}");
}

#[test]
fn each_command_with_json_has_a_documented_shape_and_each_shape_is_json() {
    for command in Cli::command().get_subcommands() {
        let has_json = command.get_arguments().any(|arg| arg.get_long() == Some("json"));
        let has_shape = SHAPES.iter().any(|shape| shape.command == command.get_name());
        assert_eq!(has_json, has_shape, "{}: add its shape to json_shapes.rs", command.get_name());
    }
    for shape in SHAPES {
        let parsed = serde_json::from_str::<serde_json::Value>(shape.example);
        assert!(parsed.is_ok(), "{}: {parsed:?}", shape.command);
    }
}

#[test]
fn the_same_flag_means_the_same_in_each_command() {
    let short_flags =
        [("output", Some('o')), ("yes", Some('y')), ("quiet", Some('q')), ("json", None), ("force", None)];
    for command in Cli::command().get_subcommands() {
        for arg in command.get_arguments() {
            let Some((_, short)) = short_flags.iter().find(|(long, _)| arg.get_long() == Some(long)) else {
                continue;
            };
            assert_eq!(arg.get_short(), *short, "{} {arg}", command.get_name());
        }
    }
}
