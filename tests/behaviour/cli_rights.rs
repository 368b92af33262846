//! The commands on a data directory: for its owner alone, and not kept by what cannot be read from what can.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rstest::rstest;

use crate::common::{DATA, Launch, Network, skip, tool, untouched, write_files};

const PROGRAM: &str = env!("CARGO_BIN_EXE_moodle-mlbackend");
/// A user without a name.
const OTHER_USER: u32 = 54_321;

/// The exit code, and what was printed.
fn run(program: &mut Command, command: &str, data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let done = untouched(program.arg(command).arg(data).args(flags)).output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

/// Everything below a directory, with its content.
fn everything(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
            found.push((path, Vec::new()));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Gives a directory to another user; false, and a visible word about it, where that is not allowed.
fn given_away(test: &str, directory: &Path) -> bool {
    let given = chown(directory, Some(OTHER_USER), Some(OTHER_USER)).is_ok();
    if !given {
        skip(test, "this user may not give a directory away");
    }
    given
}

#[rstest]
#[case::check("check", &[])]
#[case::repair("check", &["--repair"])]
#[case::prune("prune", &[])]
#[case::prune_dry("prune", &["--dry-run"])]
#[case::migrate("migrate", &["--remove-old"])]
#[case::migrate_dry("migrate", &["--dry-run"])]
fn root_is_told_to_run_a_command_as_the_owner_of_the_directory(
    #[case] command: &str,
    #[case] flags: &[&str],
) {
    let data = tempfile::tempdir().unwrap();
    Network::of_a_line(1.0, 0.5, 2.0).write(&data.path().join("m/d"));
    if !given_away("root_is_told_to_run_a_command_as_the_owner_of_the_directory", data.path()) {
        return;
    }
    let before = everything(data.path());
    let (code, told) = run(&mut Command::new(PROGRAM), command, data.path(), flags);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("sudo -u '#{OTHER_USER}' moodle-mlbackend {command}")), "{told}");
    assert_eq!(everything(data.path()), before);
}

#[test]
fn a_server_may_use_a_directory_that_belongs_to_another_user() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["data", "temp"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let test = "a_server_may_use_a_directory_that_belongs_to_another_user";
    if given_away(test, &dir.path().join("data")) {
        assert_eq!(Launch::again(dir).start().get("/version").status, 200);
    }
}

#[rstest]
#[case("check", &[])]
#[case("prune", &["--dry-run"])]
#[case("migrate", &["--dry-run"])]
fn who_only_looks_leaves_nothing_that_was_not_there(#[case] command: &str, #[case] flags: &[&str]) {
    let data = tempfile::tempdir().unwrap();
    Network::of_a_line(1.0, 0.5, 2.0).write(&data.path().join("m/d"));
    // What would have to be examined under the lock of publishing.
    fs::create_dir_all(data.path().join("n/d/classifier/1")).unwrap();
    fs::create_dir_all(data.path().join("n/d/logs/1")).unwrap();
    let before = everything(data.path());
    let (code, told) = run(&mut Command::new(PROGRAM), command, data.path(), flags);
    assert!(code.is_some(), "{told}");
    assert_eq!(everything(data.path()), before);
}

/// The program for a user whom permissions hold up, as they do not hold up root.
fn without_privileges(test: &str, unreadable: &Path) -> Option<Command> {
    if fs::read_dir(unreadable).is_err() {
        return Some(Command::new(PROGRAM));
    }
    let mut command = Command::new(tool(test, "setpriv")?);
    command.args(["--bounding-set=-all", "--inh-caps=-all", PROGRAM]);
    Some(command)
}

#[rstest]
#[case::check("check", &[])]
#[case::prune("prune", &["--keep-run-days", "1"])]
#[case::migrate("migrate", &[])]
fn a_model_that_cannot_be_read_is_named_and_keeps_no_command_from_the_others(
    #[case] command: &str,
    #[case] flags: &[&str],
) {
    let data = tempfile::tempdir().unwrap();
    let (unreadable, run_of_old) = (data.path().join("locked"), data.path().join("m/d/logs/1"));
    fs::create_dir_all(unreadable.join("d/classifier")).unwrap();
    let mut files = Network::of_a_line(1.0, 0.5, 2.0).files();
    files.get_mut(DATA).unwrap()[3] ^= 1;
    write_files(&files, &data.path().join("m/d"));
    fs::create_dir_all(&run_of_old).unwrap();
    let long_ago = SystemTime::now() - Duration::from_hours(72);
    fs::File::open(&run_of_old).unwrap().set_modified(long_ago).unwrap();
    fs::set_permissions(&unreadable, Permissions::from_mode(0o000)).unwrap();

    let test = "a_model_that_cannot_be_read_is_named_and_keeps_no_command_from_the_others";
    if let Some(mut program) = without_privileges(test, &unreadable) {
        let (code, told) = run(&mut program, command, data.path(), flags);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("locked") && told.contains("Permission denied"), "{told}");
        assert!(told.lines().any(|line| line.contains("m/d")), "{told}");
    }
    fs::set_permissions(&unreadable, Permissions::from_mode(0o700)).unwrap();
}
