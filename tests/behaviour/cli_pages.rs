//! `moodle-mlbackend man` and `completions`: made of the same definitions as `--help`, and read by the programs that they are for.

use std::fs;
use std::path::Path;
use std::process::Command;

use rstest::rstest;

use super::inspect::written;
use crate::common::{Output, program, run_on, tool};

/// The words at the start of the lines of a part of `--help`.
fn listed(help: &str, part: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with(part)).skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn help() -> String {
    Output::of(&mut program(&["--help"])).expect_code(0)
}

#[test]
fn each_command_has_a_manual_page_that_groff_formats_without_a_warning() {
    let test = "each_command_has_a_manual_page_that_groff_formats_without_a_warning";
    let Some(groff) = tool(test, "groff") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    run_on(dir.path(), "man", &[]).expect_code(0);
    let mut pages = vec!["moodle-mlbackend.1".to_owned()];
    pages.extend(listed(&help(), "Commands:").iter().map(|name| format!("moodle-mlbackend-{name}.1")));
    assert!(pages.len() > 8, "{pages:?}");
    for page in pages {
        let formatted = Command::new(&groff)
            .args(["-man", "-Tascii", "-P-cbou", "-ww"])
            .arg(dir.path().join(&page))
            .output();
        let formatted = formatted.expect("groff starts");
        let warnings = String::from_utf8_lossy(&formatted.stderr);
        assert!(formatted.status.success() && warnings.is_empty(), "{page}: {warnings}");
        let text = String::from_utf8_lossy(&formatted.stdout);
        assert!(text.contains("NAME") && text.contains("DESCRIPTION"), "{page}: {text}");
    }
}

#[test]
fn the_manual_page_of_a_command_has_its_flags_and_variables() {
    let dir = tempfile::tempdir().expect("a directory");
    run_on(dir.path(), "man", &[]).expect_code(0);
    let page = fs::read_to_string(dir.path().join("moodle-mlbackend-serve.1")).expect("the page");
    // In the language of `man`, hyphens are escaped.
    let page = page.replace("\\-", "-");
    for expected in
        ["--data-dir", "--queue-length", "MOODLE_MLBACKEND_PYTHON_DIR", "MOODLE_MLBACKEND_QUEUE_LENGTH"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let main = Output::of(&mut program(&["man"])).expect_code(0);
    let file = fs::read_to_string(dir.path().join("moodle-mlbackend.1")).expect("the page");
    assert_eq!(main, file);
}

#[test]
fn man_reports_a_directory_that_it_cannot_write_into() {
    let output = run_on(Path::new("/nowhere/at/all"), "man", &[]);
    assert!(output.expect_code(1).contains("The manual pages could not be written"), "no sentence");
}

/// Completes with bash itself what was typed.
fn completed(bash: &Path, script: &Path, typed: &[&str]) -> Vec<String> {
    let complete = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         complete_function=$(complete -p moodle-mlbackend | sed 's/.*-F \\([^ ]*\\).*/\\1/'); \
         $complete_function moodle-mlbackend \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        typed.join(" ")
    );
    let output = Command::new(bash).args(["--norc", "-c", &complete]).output().expect("bash starts");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[rstest]
#[case::a_command(&["moodle-mlbackend", "mig"], "migrate")]
#[case::a_flag(&["moodle-mlbackend", "serve", "--queue-l"], "--queue-length")]
#[case::a_shell(&["moodle-mlbackend", "completions", "zs"], "zsh")]
fn bash_completes_commands_flags_and_values(#[case] typed: &[&str], #[case] expected: &str) {
    let Some(bash) = tool("bash_completes_commands_flags_and_values", "bash") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let script = Output::of(&mut program(&["completions", "bash"])).expect_code(0);
    let script = written(dir.path(), "completions.bash", script.as_bytes());
    assert_eq!(completed(&bash, &script, typed), [expected]);
}

#[rstest]
#[case("zsh", "#compdef moodle-mlbackend")]
#[case("fish", "complete -c moodle-mlbackend")]
fn other_shells_have_scripts_too(#[case] shell: &str, #[case] expected: &str) {
    let script = Output::of(&mut program(&["completions", shell])).expect_code(0);
    assert!(script.contains(expected), "{script}");
}
