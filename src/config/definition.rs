//! One setting as clap defines it: its names, its type in a TOML file and an example.
//!
//! Owns what follows from a definition. Must not know where a value comes from, nor a particular setting, apart from the
//! users, which have no flag, and the directory of the models in an example.

use std::any::TypeId;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Args as _, Command};

use super::clap_errors::problem;
use super::variables::{DATA_DIR, TLS_CERT, TLS_KEY, USERS};
use super::{Live, ServeArgs};

/// The flag of the TOML file, which is the only one that the file cannot contain.
pub(super) const CONFIG_FLAG: &str = "config";

/// A setting: a flag that also has an environment variable.
///
/// A secret is one whose value clap is to hide (`hide_env_values`). Its value can also be in a file that another variable
/// or key names.
#[derive(Clone)]
pub struct Definition {
    arg: Arg,
    /// Whether SIGHUP changes it.
    pub(super) is_live: bool,
    /// Whether it names the file of a secret.
    pub(super) is_secret_file: bool,
}

/// The type of a value in a TOML file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Switch,
    Number,
    /// A number of bytes, or a text such as `1GiB`.
    Size,
    Text,
    /// A list of texts, or one text with commas.
    List,
}

impl Kind {
    /// What a value of this kind looks like.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Number => "a whole number without quotation marks",
            Self::Size => "a whole number of bytes, or a text with a unit",
            Self::Text => "a text in quotation marks",
            Self::List => "a text in quotation marks, or a list of texts",
        }
    }
}

/// All settings of `serve`, and the keys for the files of secrets.
pub(super) fn definitions() -> Vec<Definition> {
    let serve = ServeArgs::augment_args(Command::new("serve"));
    let live = Live::augment_args(Command::new("live"));
    let is_live = |arg: &Arg| live.get_arguments().any(|known| known.get_id() == arg.get_id());
    let has_names =
        |arg: &&Arg| arg.get_env().is_some() && arg.get_long().is_some_and(|flag| flag != CONFIG_FLAG);
    let flags = serve.get_arguments().filter(has_names);
    let flags = flags.map(|arg| Definition::new(arg.clone(), is_live(arg)));
    let all: Vec<Definition> = [users()].into_iter().chain(flags).collect();
    let with_file = |definition: Definition| {
        let file = definition.is_secret().then(|| definition.file());
        [Some(definition), file]
    };
    all.into_iter().flat_map(with_file).flatten().collect()
}

/// The users. They are no argument of `serve`, because other users of the machine can read command lines.
fn users() -> Definition {
    let arg = Arg::new("users")
        .long("users")
        .env(USERS)
        .hide_env_values(true)
        .value_parser(ValueParser::os_string());
    let arg = arg.action(ArgAction::Append).help(
        "Users and their passwords: user:password or user:SCHEME:SALT:HASH, several separated by commas. `moodle-mlbackend \
         passwd` makes hashed entries. Without users, every request except /version and health checks is refused",
    );
    Definition::new(arg, true)
}

impl Definition {
    /// A flag.
    pub(super) fn new(arg: Arg, is_live: bool) -> Self {
        Self { arg, is_live, is_secret_file: false }
    }

    /// The setting that names the TOML file.
    #[cfg(test)]
    pub(super) fn of_the_file() -> Self {
        let serve = ServeArgs::augment_args(Command::new("serve"));
        let arg = serve.get_arguments().find(|arg| arg.get_long() == Some(CONFIG_FLAG));
        Self::new(arg.expect("a flag").clone(), false)
    }

    /// The name in a TOML file, and of the flag without its dashes.
    #[must_use]
    pub fn key(&self) -> &str {
        self.arg.get_long().unwrap_or_default()
    }

    /// The environment variable.
    #[must_use]
    pub fn variable(&self) -> &str {
        self.arg.get_env().and_then(|variable| variable.to_str()).unwrap_or_default()
    }

    /// Whether it is an argument of `serve`.
    #[cfg(test)]
    pub(super) fn is_flag(&self) -> bool {
        !self.is_secret_file && self.variable() != USERS
    }

    /// Clap's name.
    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    #[cfg(test)]
    pub(super) fn arg(&self) -> &Arg {
        &self.arg
    }

    /// Whether the value must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// The key and the variable that name a file with the value of this secret.
    fn file(&self) -> Self {
        let (variable, key) = (self.variable(), self.key());
        let help = format!(
            "File with the value of {variable}. Without it, the credential {key} of systemd is read, if there is one"
        );
        let arg = Arg::new(format!("{}-file", self.id())).long(format!("{}-file", self.key()));
        let arg = arg.env(format!("{}_FILE", self.variable())).value_name("FILE").help(help);
        Self { arg, is_live: self.is_live, is_secret_file: true }
    }

    pub(super) fn kind(&self) -> Kind {
        let type_id = self.arg.get_value_parser().type_id();
        let is_one_of = |types: &[TypeId]| types.iter().any(|known| type_id == *known);
        if is_one_of(&[TypeId::of::<bool>()]) {
            Kind::Switch
        } else if self.takes_several() || matches!(self.value_name(), "ADDRESSES" | "SOCKETS" | "USERS") {
            Kind::List
        } else if self.value_name() == "BYTES" {
            Kind::Size
        } else if self.value_name() == "MODE" {
            // In octal digits: as a number of TOML, 660 and 0o660 would not mean what they seem to.
            Kind::Text
        } else if is_one_of(&[
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
            TypeId::of::<Duration>(),
        ]) {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    /// Whether clap takes a list as several values.
    pub(super) fn takes_several(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append) || self.arg.get_value_delimiter().is_some()
    }

    fn value_name(&self) -> &str {
        self.arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str())
    }

    /// Parses values as clap does.
    pub(super) fn check(&self, values: &[String]) -> Result<(), String> {
        // Relations to other arguments do not matter here, so the argument gets a command of its own.
        let parser = self.arg.get_value_parser().clone();
        let arg = Arg::new("value").long(self.key().to_owned()).value_parser(parser);
        let arg = arg.action(self.arg.get_action().clone()).default_values(self.joined(values));
        match Command::new("setting").no_binary_name(true).arg(arg).try_get_matches_from([""; 0]) {
            Ok(_) => Ok(()),
            Err(error) => Err(problem(&error)),
        }
    }

    /// The values for clap: one for each occurrence of the flag.
    pub(super) fn joined(&self, values: &[String]) -> Vec<String> {
        if self.takes_several() { values.to_vec() } else { vec![values.join(",")] }
    }

    /// A value as it is written in a variable: the default, or the first that the parser accepts.
    pub(super) fn example(&self) -> String {
        // A hidden default depends on the machine, or is empty.
        let default = self.arg.get_default_values().first().and_then(|value| value.to_str());
        let default = default.filter(|_| !self.arg.is_hide_default_value_set());
        let candidates: &[&str] = match (self.kind(), self.value_name()) {
            (Kind::Switch, _) => return "true".to_owned(),
            _ if default.is_some_and(|text| !text.is_empty()) => {
                return default.unwrap_or_default().to_owned();
            }
            (Kind::Number, _) => &["4"],
            (Kind::Size, _) => &["64MiB"],
            (_, "DIR") if self.variable() == DATA_DIR => &["/var/lib/moodle-mlbackend"],
            (_, "DIR") => &["/var/cache/moodle-mlbackend"],
            (_, "FILE") if self.variable() == TLS_CERT => &["/etc/moodle-mlbackend/fullchain.pem"],
            (_, "FILE") if self.variable() == TLS_KEY => &["/etc/moodle-mlbackend/privkey.pem"],
            (_, "FILE") => {
                return format!("/etc/moodle-mlbackend/{}", self.key().trim_end_matches("-file"));
            }
            (_, "SOCKETS") => &["unix:/run/moodle-mlbackend/socket"],
            (_, "PATH") => &["/mlbackend"],
            (_, "ADDRESS" | "ADDRESSES") => &["127.0.0.1"],
            (_, "ADDRESS:PORT") => &["127.0.0.1:9464"],
            (_, "URL") => &[
                "https://example.org",
                "s3://moodle-models/site1",
                "https://KEY@sentry.example.org/1",
                "rediss://:PASSWORD@redis.example.org",
            ],
            (_, "USER") => &["moodle"],
            (_, "USERS") => &["admin"],
            (_, "BUCKET") => &["moodle-models"],
            _ if self.variable() == USERS => &["moodle:argon2id:…"],
            _ => &[],
        };
        let accepted = candidates.iter().find(|value| self.check(&[(**value).to_owned()]).is_ok());
        let possible = || Some(self.arg.get_possible_values().first()?.get_name().to_owned());
        accepted.map(|value| (*value).to_owned()).or_else(possible).unwrap_or_else(|| "…".to_owned())
    }

    /// A line of a TOML file.
    #[must_use]
    pub fn toml_example(&self) -> String {
        let (key, example) = (self.key(), self.example());
        match self.kind() {
            Kind::Switch | Kind::Number => format!("{key} = {example}"),
            Kind::Size if example.parse::<u64>().is_ok() => format!("{key} = {example}"),
            Kind::List => format!("{key} = [\"{example}\"]"),
            Kind::Size | Kind::Text => format!("{key} = \"{example}\""),
        }
    }
}
