//! The sources of settings by precedence: flags, environment variables, files of secrets, the TOML file, defaults.
//!
//! Owns the precedence. Must not know what a setting means. Clap parses every value: one of the TOML file becomes the
//! default of its argument.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::clap_errors::explain;
use super::definition::Definition;
use super::error::ConfigError;
use super::origin::Origin;
use super::secrets::{self, Found};
use super::setting::Setting;
use super::toml_file::{TomlFile, joined};

/// The sources, except for the TOML file.
pub(super) struct Layers<'a> {
    pub(super) command: Command,
    pub(super) args: &'a [OsString],
    /// Returns the value of a variable.
    pub(super) environment: &'a dyn Fn(&str) -> Option<OsString>,
}

/// The settings in force.
pub(super) struct Merged {
    pub(super) list: Vec<Setting>,
    pub(super) matches: ArgMatches,
    pub(super) users: Option<Found>,
    pub(super) warnings: Vec<String>,
}

/// A setting with the values for clap that do not come from the command line or from a variable.
struct Resolved {
    setting: Setting,
    defaults: Option<Vec<OsString>>,
    secret: Option<Found>,
}

impl Layers<'_> {
    /// The flags and variables alone.
    pub(super) fn given(&self) -> Result<ArgMatches, ConfigError> {
        self.parse(self.command.clone())
    }

    /// All settings.
    pub(super) fn merge(
        self,
        given: &ArgMatches,
        toml: Option<&TomlFile>,
        definitions: Vec<Definition>,
    ) -> Result<Merged, ConfigError> {
        let (mut command, mut list, mut users) = (self.command.clone(), Vec::new(), None);
        let mut warnings = Vec::new();
        for definition in definitions.into_iter().filter(|definition| !definition.is_secret_file) {
            let id = definition.id().to_owned();
            let is_argument = given.try_contains_id(&id).is_ok();
            let source = is_argument.then(|| given.value_source(&id)).flatten();
            let Resolved { setting, defaults, secret } = self.resolve(definition, source, toml);
            if let (Some(defaults), true) = (defaults, is_argument) {
                command = command.mut_arg(&id, |arg| arg.default_values(defaults));
            }
            if let Some(found) = secret {
                warnings.extend(found.warnings());
                users = if is_argument { users } else { Some(found) };
            }
            list.push(setting);
        }
        let matches = self.parse(command)?;
        list.iter_mut().for_each(|setting| setting.complete(&matches));
        Ok(Merged { list, matches, users, warnings })
    }

    fn resolve(
        &self,
        definition: Definition,
        source: Option<ValueSource>,
        toml: Option<&TomlFile>,
    ) -> Resolved {
        if definition.is_secret() && source != Some(ValueSource::CommandLine) {
            return self.secret(definition, toml);
        }
        let entry = toml.and_then(|toml| Some((&toml.path, toml.entry(definition.key())?)));
        let (origin, defaults) = match (source, entry) {
            (Some(ValueSource::CommandLine), _) => (Origin::Flag, None),
            (Some(ValueSource::EnvVariable), _) => (Origin::Variable(definition.variable().to_owned()), None),
            (_, Some((path, entry))) => {
                let values = joined(&definition, &entry.values).into_iter().map(OsString::from);
                (Origin::Toml { path: path.clone(), line: entry.line }, Some(values.collect()))
            }
            (Some(_), None) => (Origin::Default, None),
            (None, None) => (Origin::Unset, None),
        };
        Resolved {
            setting: Setting { definition, value: None, origin, problem: None },
            defaults,
            secret: None,
        }
    }

    fn secret(&self, definition: Definition, toml: Option<&TomlFile>) -> Resolved {
        let found = secrets::find(&definition, toml, self.environment);
        let mut setting = Setting { definition, value: None, origin: Origin::Unset, problem: None };
        if let Some(found) = &found {
            setting.origin = found.origin.clone();
            match &found.value {
                Ok(value) => setting.value = Some(OsString::from_vec(value.clone())),
                Err(problem) => setting.problem = Some(problem.clone()),
            }
        }
        let defaults = found.as_ref().and_then(|found| {
            let value = found.value.as_ref().ok()?;
            Some(vec![OsString::from_vec(value.trim_ascii_end().to_owned())])
        });
        Resolved { setting, defaults, secret: found }
    }

    fn parse(&self, command: Command) -> Result<ArgMatches, ConfigError> {
        let program = Command::new("moodle-mlbackend").subcommand(command.clone());
        command
            .try_get_matches_from(self.args)
            .map_err(|error| ConfigError::Arguments(explain(&error, &program).trim().to_owned()))
    }
}
