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
use super::toml_file::TomlFile;

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
            let is_argument = self.has_argument(&id);
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
        let arguments = list.iter_mut().filter(|setting| self.has_argument(setting.definition.id()));
        arguments.for_each(|setting| setting.complete(&matches));
        Ok(Merged { list, matches, users, warnings })
    }

    /// Whether the command has this argument: the users are none, and `prune` has only some of the settings. The matches
    /// cannot tell: clap checks names of arguments only with debug assertions.
    fn has_argument(&self, id: &str) -> bool {
        self.command.get_arguments().any(|arg| arg.get_id().as_str() == id)
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
                let values = definition.joined(&entry.values).into_iter().map(OsString::from);
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

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    /// A secret that has a flag, as `hide_env_values` makes it.
    fn dsn() -> Arg {
        Arg::new("dsn").long("dsn").env("MLBACKEND_TEST_DSN").hide_env_values(true)
    }

    /// The value of the secret, and where it comes from.
    fn merged(args: &[&str], variables: &[(&str, &str)]) -> (Option<String>, Origin) {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let environment = |variable: &str| {
            variables.iter().find(|(name, _)| *name == variable).map(|(_, value)| OsString::from(value))
        };
        let command = Command::new("test").no_binary_name(true).arg(dsn());
        let layers = Layers { command, args: &args, environment: &environment };
        let given = layers.given().expect("valid flags");
        let merged = layers.merge(&given, None, vec![Definition::new(dsn(), false)]).expect("valid values");
        let [setting] = &merged.list[..] else { panic!("one setting") };
        assert_eq!(setting.shown(), None);
        (merged.matches.get_one::<String>("dsn").cloned(), setting.origin.clone())
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a file in a temporary directory")]
    fn a_secret_with_a_flag_can_be_in_a_file_too() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "of-the-file\n").expect("written");
        let path = file.path().to_str().expect("UTF-8");
        let (dsn, dsn_file) = ("MLBACKEND_TEST_DSN", "MLBACKEND_TEST_DSN_FILE");
        let origin = Origin::VariableFile { variable: dsn_file.to_owned(), path: file.path().to_owned() };
        assert_eq!(merged(&[], &[(dsn_file, path)]), (Some("of-the-file".to_owned()), origin.clone()));
        assert_eq!(merged(&[], &[(dsn_file, path), (dsn, "")]).1, origin);
        let variable = merged(&[], &[(dsn_file, path), (dsn, "of-the-variable")]);
        assert_eq!(variable, (Some("of-the-variable".to_owned()), Origin::Variable(dsn.to_owned())));
        let flag = merged(&["--dsn", "of-the-flag"], &[(dsn_file, path), (dsn, "of-the-variable")]);
        assert_eq!(flag, (Some("of-the-flag".to_owned()), Origin::Flag));
        assert_eq!(merged(&[], &[]), (None, Origin::Unset));
    }
}
