//! All settings of a command, with their sources, and the typed [`Config`] made of them.
//!
//! Owns which TOML file is read. Must not know what a setting means.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::{ArgMatches, Command};

use super::definition::{CONFIG_FLAG, Definition, definitions};
use super::error::ConfigError;
use super::layers::{Layers, Merged};
use super::origin::Origin;
use super::secrets::Found;
use super::setting::Setting;
use super::toml_file::TomlFile;

/// The TOML file that is read if it exists.
pub(super) const DEFAULT_FILE: &str = "/etc/moodle-mlbackend/config.toml";

/// The command line of a command with settings.
#[derive(Debug, Clone)]
pub struct CommandLine {
    command: fn() -> Command,
    args: Vec<OsString>,
}

impl CommandLine {
    /// The arguments of a command, without the names of the program and of the command.
    #[must_use]
    pub fn new(command: fn() -> Command, args: Vec<OsString>) -> Self {
        Self { command, args }
    }
}

/// Removes the environment variables that are empty from the definitions: they count as unset, because compose files and
/// unit files leave variables empty.
#[must_use]
pub fn without_empty_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let is_empty = arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
        if is_empty { arg.env(None::<&'static str>) } else { arg }
    });
    command.mut_subcommands(without_empty_variables)
}

/// All settings of a command, from all sources.
pub struct Settings {
    /// In the order of docs/settings.md.
    pub list: Vec<Setting>,
    /// What is probably a mistake.
    pub warnings: Vec<String>,
    /// The TOML file that was read.
    pub file: Option<PathBuf>,
    /// The values as clap has parsed them.
    pub matches: ArgMatches,
    pub(super) users: Option<Found>,
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// When a value or the TOML file cannot be used. A problem with the file of a secret is an error of
    /// [`Config::new`](super::Config::new), so that the other settings can be shown.
    pub fn read(line: &CommandLine) -> Result<Self, ConfigError> {
        let environment = |variable: &str| env::var_os(variable);
        let command = without_empty_variables((line.command)()).no_binary_name(true);
        let layers = Layers { command, args: &line.args, environment: &environment };
        let (definitions, mut warnings) = (definitions(), Vec::new());
        let given = layers.given()?;
        let path = find_file(given.get_one::<PathBuf>(CONFIG_FLAG), &mut warnings);
        let toml = path.map(|path| TomlFile::read(&path, &definitions)).transpose()?;
        warnings.extend(toml.as_ref().and_then(|toml| readable_secret(toml, &definitions)));
        let merged = layers.merge(&given, toml.as_ref(), definitions)?;
        let Merged { list, matches, users, warnings: more } = merged;
        warnings.extend(more);
        Ok(Self { list, warnings, file: toml.map(|toml| toml.path), matches, users })
    }

    /// Where the value of a variable comes from.
    pub(super) fn origin(&self, variable: &str) -> Option<&Origin> {
        self.list.iter().find(|setting| setting.variable() == variable).map(|setting| &setting.origin)
    }

    /// The problem with the file of a secret.
    pub(super) fn secret_problem(&self) -> Option<ConfigError> {
        self.list.iter().find_map(|setting| {
            let problem = setting.problem.clone()?;
            Some(ConfigError::Secret {
                variable: setting.variable().to_owned(),
                origin: setting.origin.clone(),
                problem,
            })
        })
    }
}

/// The named file, or the default one if it exists. An empty name means no file.
fn find_file(named: Option<&PathBuf>, warnings: &mut Vec<String>) -> Option<PathBuf> {
    if let Some(path) = named {
        return Some(path.clone()).filter(|path| !path.as_os_str().is_empty());
    }
    match fs::metadata(DEFAULT_FILE) {
        Ok(_) => Some(DEFAULT_FILE.into()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        Err(error) => {
            // Older installations may have a directory that only root can enter, without such a file.
            warnings.push(format!(
                "cannot look for {DEFAULT_FILE} ({error}), so it is not used: let this user enter its directory, or name \
                 a file with --config"
            ));
            None
        }
    }
}

/// A warning if the file contains a secret that every user of the machine can read.
fn readable_secret(toml: &TomlFile, definitions: &[Definition]) -> Option<String> {
    let secret = definitions.iter().find(|known| known.is_secret() && toml.entry(known.key()).is_some())?;
    let mode = fs::metadata(&toml.path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        let path = toml.path.display();
        format!(
            "every user of this machine can read {path}, which contains {}: chmod o-r {path}, or name a file with {}-file",
            secret.key(),
            secret.key()
        )
    })
}
