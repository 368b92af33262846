//! The commands on a data directory: they run for its owner only, and an unreadable model does not stop them.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use rstest::rstest;

use crate::common::{
    DATA, Launch, Network, Output, contents, program, run_on, skip, tool, untouched, write_files,
};

/// A user without a name.
const OTHER_USER: u32 = 54_321;

/// Makes another user the owner of a directory; where that is not allowed, reports a skipped test and returns false.
pub(super) fn change_owner(test: &str, directory: &Path) -> bool {
    let is_changed = chown(directory, Some(OTHER_USER), Some(OTHER_USER)).is_ok();
    if !is_changed {
        skip(test, "this user may not change the owner of a directory");
    }
    is_changed
}

#[rstest]
#[case::check("check", &[])]
#[case::repair("check", &["--repair"])]
#[case::prune("prune", &[])]
#[case::prune_dry("prune", &["--dry-run"])]
#[case::migrate("migrate", &["--remove-old"])]
#[case::migrate_dry("migrate", &["--dry-run"])]
fn root_must_run_a_command_as_the_owner_of_the_directory(#[case] command: &str, #[case] flags: &[&str]) {
    let data = tempfile::tempdir().unwrap();
    Network::of_a_line(1.0, 0.5, 2.0).write(&data.path().join("m/d"));
    if !change_owner("root_must_run_a_command_as_the_owner_of_the_directory", data.path()) {
        return;
    }
    let before = contents(data.path());
    let printed = run_on(data.path(), command, flags).expect_code(1);
    assert!(printed.contains(&format!("sudo -u '#{OTHER_USER}' moodle-mlbackend {command}")), "{printed}");
    assert_eq!(contents(data.path()), before);
}

#[test]
fn a_server_may_use_a_directory_that_belongs_to_another_user() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["data", "temp"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let test = "a_server_may_use_a_directory_that_belongs_to_another_user";
    if change_owner(test, &dir.path().join("data")) {
        assert_eq!(Launch::again(dir).start().get("/version").status, 200);
    }
}

#[rstest]
#[case("check", &[])]
#[case("prune", &["--dry-run"])]
#[case("migrate", &["--dry-run"])]
fn commands_that_only_report_change_nothing(#[case] command: &str, #[case] flags: &[&str]) {
    let data = tempfile::tempdir().unwrap();
    Network::of_a_line(1.0, 0.5, 2.0).write(&data.path().join("m/d"));
    // These would be examined under the model's lock.
    fs::create_dir_all(data.path().join("n/d/classifier/1")).unwrap();
    fs::create_dir_all(data.path().join("n/d/logs/1")).unwrap();
    let before = contents(data.path());
    let output = run_on(data.path(), command, flags);
    assert!(output.code.is_some(), "{output:?}");
    assert_eq!(contents(data.path()), before);
}

/// The program as a user to whom permissions apply, unlike root.
pub(super) fn without_privileges(test: &str, unreadable: &Path) -> Option<Command> {
    if fs::read_dir(unreadable).is_err() {
        return Some(program(&[]));
    }
    let mut command = Command::new(tool(test, "setpriv")?);
    untouched(command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(program(&[]).get_program()));
    Some(command)
}

#[rstest]
#[case::check("check", &[])]
#[case::prune("prune", &["--keep-run-days", "1"])]
#[case::migrate("migrate", &[])]
fn an_unreadable_model_is_reported_and_the_others_are_processed(
    #[case] command: &str,
    #[case] flags: &[&str],
) {
    let data = tempfile::tempdir().unwrap();
    let (unreadable, old_run) = (data.path().join("locked"), data.path().join("m/d/logs/1"));
    fs::create_dir_all(unreadable.join("d/classifier")).unwrap();
    let mut files = Network::of_a_line(1.0, 0.5, 2.0).files();
    files.get_mut(DATA).unwrap()[3] ^= 1;
    write_files(&files, &data.path().join("m/d"));
    fs::create_dir_all(&old_run).unwrap();
    let long_ago = SystemTime::now() - Duration::from_hours(72);
    fs::File::open(&old_run).unwrap().set_modified(long_ago).unwrap();
    fs::set_permissions(&unreadable, Permissions::from_mode(0o000)).unwrap();

    let test = "an_unreadable_model_is_reported_and_the_others_are_processed";
    if let Some(mut program) = without_privileges(test, &unreadable) {
        let printed = Output::of(program.arg(command).arg(data.path()).args(flags)).expect_code(1);
        assert!(printed.contains("locked") && printed.contains("Permission denied"), "{printed}");
        assert!(printed.lines().any(|line| line.contains("m/d")), "{printed}");
    }
    fs::set_permissions(&unreadable, Permissions::from_mode(0o700)).unwrap();
}
