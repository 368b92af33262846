//! Checks of the machine that the server runs on: settings, directories, disk, users, and `SELinux`.
//!
//! Must not know how the server uses them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use clap::Args as _;

use super::checks::{DATA_DIRECTORY, DISK, SELINUX, SETTINGS, USERS};
use super::finding::Finding;
use crate::auth::Weakness;
use crate::config::{CommandLine, Config, ServeArgs, Settings};
use crate::fs::free_bytes;
use crate::units::ByteSize;

/// Less than this is a warning.
const ENOUGH_BYTES: u64 = 1 << 30;
/// Less than this stops trainings soon.
const TOO_FEW_BYTES: u64 = 100 << 20;

fn settings() -> Result<Settings, Finding> {
    let line = CommandLine::new(|| ServeArgs::augment_args(clap::Command::new("serve")), Vec::new());
    Settings::read(&line).map_err(|error| Finding::red(&SETTINGS, error.to_string()))
}

/// Whether the settings name a data directory, so that there is a server on this machine.
pub(super) fn is_here() -> bool {
    settings().is_ok_and(|settings| {
        let directory = settings.list.iter().find(|setting| setting.key() == "data-dir");
        directory.is_some_and(|setting| setting.shown().is_some_and(|value| !value.is_empty()))
    })
}

/// Checks the settings and what they name.
pub(super) fn examine() -> Vec<Finding> {
    let settings = match settings() {
        Ok(settings) => settings,
        Err(finding) => return vec![finding],
    };
    let config = match Config::new(&settings) {
        Ok(config) => config,
        Err(error) => return vec![Finding::red(&SETTINGS, error.to_string())],
    };
    let first = match settings.warnings.first() {
        None => Finding::green(&SETTINGS, "the server would start with them"),
        Some(warning) => Finding::yellow(&SETTINGS, warning.clone()),
    };
    vec![first, data_directory(&config.data_dir), disk(&config.data_dir), users(&config)]
}

fn data_directory(directory: &Path) -> Finding {
    let path = directory.display();
    match fs::metadata(directory) {
        Err(error) => Finding::red(&DATA_DIRECTORY, format!("{path} cannot be used: {error}")),
        Ok(found) if found.mode() & 0o007 != 0 => {
            let mode = found.mode() & 0o777;
            Finding::yellow(
                &DATA_DIRECTORY,
                format!("{path} is open to all users of this machine (mode {mode:o})"),
            )
        }
        Ok(found) if found.uid() == 0 && rustix::process::geteuid().is_root() => Finding::yellow(
            &DATA_DIRECTORY,
            format!("{path} belongs to root: the service, which runs as another user, could not write to it"),
        ),
        Ok(_) => Finding::green(&DATA_DIRECTORY, format!("{path} is usable and private")),
    }
}

fn disk(directory: &Path) -> Finding {
    match free_bytes(directory) {
        Err(error) => Finding::yellow(&DISK, format!("the free space is unknown: {error}")),
        Ok(free) => {
            let detail = format!("{:.1} free for {}", ByteSize(free), directory.display());
            match free {
                _ if free < TOO_FEW_BYTES => Finding::red(&DISK, detail),
                _ if free < ENOUGH_BYTES => Finding::yellow(&DISK, detail),
                _ => Finding::green(&DISK, detail),
            }
        }
    }
}

fn users(config: &Config) -> Finding {
    let live = config.live();
    let Some(users) = live.users.as_ref() else {
        return Finding::red(&USERS, "the server has no users, so it refuses every request of Moodle");
    };
    let count = super::super::table::counted(users.names().count(), "user");
    match users.weak().next() {
        Some((name, Weakness::WellKnown)) => {
            Finding::red(&USERS, format!("the password of {name} is well known"))
        }
        Some((name, Weakness::Short)) => Finding::yellow(&USERS, format!("the password of {name} is short")),
        None => Finding::green(&USERS, count),
    }
}

/// Nothing on a machine without `SELinux`.
pub(super) fn selinux() -> Option<Finding> {
    let directory = Path::new("/sys/fs/selinux");
    let mode = fs::read_to_string(directory.join("enforce")).ok()?;
    let permits = fs::read_to_string(directory.join("booleans/httpd_can_network_connect")).ok()?;
    Some(match (mode.trim(), permits.starts_with('1')) {
        (_, true) => Finding::green(&SELINUX, "httpd_can_network_connect is on"),
        ("1", false) => Finding::red(&SELINUX, "it stops Moodle and the proxy from connecting to the server"),
        _ => Finding::yellow(
            &SELINUX,
            "it is not enforced; if it were, Moodle could not connect to the server",
        ),
    })
}
