//! The TOML file: its keys are the flags without their dashes.
//!
//! Owns the checks of the file, and errors with line and example. Must not know where a setting can be set besides, nor
//! a particular setting. No error repeats a value, which may be a password.

use std::io;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use toml::de::{DeTable, DeValue};

use super::definition::{CONFIG_FLAG, Definition, Kind};
use super::error::ConfigError;
use crate::fs::read_small;
use crate::text::Untrusted;

/// A file of settings has a few KiB.
const MAX_BYTES: u64 = 1 << 20;
const MAX_SHOWN: usize = 60;

/// A TOML file, checked.
#[derive(Debug)]
pub(super) struct TomlFile {
    pub(super) path: PathBuf,
    entries: Vec<Entry>,
}

/// A line of the file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    /// As the environment variable would have it; several for a list.
    pub(super) values: Vec<String>,
    pub(super) line: usize,
}

impl TomlFile {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Reads and checks a file.
    pub(super) fn read(path: &Path, definitions: &[Definition]) -> Result<Self, ConfigError> {
        let refuse =
            |problem: &str| ConfigError::TomlFile { path: path.to_owned(), problem: problem.to_owned() };
        let bytes = read_small(path, MAX_BYTES).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => refuse("is larger than 1 MiB, so it is no file of settings"),
            _ => refuse(&format!("cannot be read ({error})")),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8: save it in UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let entries = Reader { path, text, definitions }.entries()?;
        Ok(Self { path: path.to_owned(), entries })
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    definitions: &'a [Definition],
}

impl Reader<'_> {
    fn entries(&self) -> Result<Vec<Entry>, ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| self.syntax_error(&error))?;
        let mut entries = Vec::new();
        for (key, value) in table.get_ref() {
            entries.push(self.entry(key.get_ref(), key.span().start, value.get_ref())?);
        }
        entries.sort_by_key(|entry| entry.line);
        self.refuse_a_secret_and_its_file(&entries)?;
        Ok(entries)
    }

    fn entry(&self, key: &str, at: usize, value: &DeValue) -> Result<Entry, ConfigError> {
        let line = self.line(at);
        if value.is_table() {
            let name = Untrusted(key).quoted(MAX_SHOWN);
            let problem = format!(
                "{name} is a table: write all settings at the top level, without [tables] and dotted keys"
            );
            return Err(self.error(line, problem, None));
        }
        let Some(definition) = self.definitions.iter().find(|known| known.key() == key) else {
            return Err(self.unknown_key(key, line));
        };
        let wrong_type = || {
            let problem =
                format!("{key} is {}: expected {}", name_of_type(value), definition.kind().expected());
            self.error(line, problem, Some(definition))
        };
        let values = texts(value, definition.kind()).ok_or_else(wrong_type)?;
        definition
            .check(&values)
            .map_err(|problem| self.error(line, format!("{key}: {problem}"), Some(definition)))?;
        Ok(Entry { key: key.to_owned(), values, line })
    }

    fn unknown_key(&self, key: &str, line: usize) -> ConfigError {
        let name = Untrusted(key).quoted(MAX_SHOWN);
        let nearest = self.nearest(key);
        let problem = match nearest {
            _ if key == CONFIG_FLAG => format!("{name} cannot be set in this file, but by --config"),
            Some(known) => format!("{name} is not a setting; a similar one is {}", known.key()),
            None => format!("{name} is not a setting; `moodle-mlbackend config` lists them"),
        };
        self.error(line, problem, nearest)
    }

    /// The setting that a wrong key probably means: its variable, another spelling or a similar name.
    fn nearest(&self, key: &str) -> Option<&Definition> {
        let plain = |name: &str| name.to_lowercase().replace('_', "-");
        let by_name = self
            .definitions
            .iter()
            .find(|known| plain(key) == known.key() || plain(key) == plain(known.variable()));
        by_name.or_else(|| {
            let similar = similar_key(&plain(key), self.definitions)?;
            self.definitions.iter().find(|known| known.key() == similar)
        })
    }

    fn refuse_a_secret_and_its_file(&self, entries: &[Entry]) -> Result<(), ConfigError> {
        let files = self.definitions.iter().filter(|definition| definition.is_secret_file);
        for file in files {
            let secret = file.key().strip_suffix("-file").unwrap_or_default();
            let both = entries.iter().filter(|entry| entry.key == file.key() || entry.key == secret);
            if let [_, second] = both.collect::<Vec<_>>()[..] {
                let problem = format!("{secret} and {} are both set: remove one", file.key());
                return Err(self.error(second.line, problem, Some(file)));
            }
        }
        Ok(())
    }

    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        let line = self.line(at);
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let key = text.split('=').next().unwrap_or_default().trim();
        let known = self.nearest(key);
        // The library's message says what it expected, and repeats no part of the file.
        let problem = match (error.message(), known) {
            ("duplicate key", Some(known)) => {
                format!("{} is set twice: remove one of the lines", known.key())
            }
            ("duplicate key", None) => "a name appears twice: remove one of the lines".to_owned(),
            (message, _) => format!("{}; texts need quotation marks", Untrusted(message).line(MAX_SHOWN)),
        };
        self.error(line, problem, known)
    }

    fn error(&self, line: usize, problem: String, example: Option<&Definition>) -> ConfigError {
        let example = example.map_or_else(|| "port = 5000".to_owned(), Definition::toml_example);
        ConfigError::Toml { path: self.path.to_owned(), line, problem, example }
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or(self.text.as_bytes());
        memchr::memchr_iter(b'\n', before).count() + 1
    }
}

/// The values as the environment variable would have them; `None` when the type is wrong.
fn texts(value: &DeValue, kind: Kind) -> Option<Vec<String>> {
    let one = match (value, kind) {
        (DeValue::Boolean(on), Kind::Switch) => on.to_string(),
        (DeValue::Integer(number), Kind::Number | Kind::Size) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok()?.to_string()
        }
        (DeValue::String(text), Kind::Text | Kind::List | Kind::Size) => text.to_string(),
        (DeValue::Array(list), Kind::List) => {
            return list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
        }
        _ => return None,
    };
    Some(vec![one])
}

fn name_of_type(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The key of the setting that clap finds similar.
fn similar_key(key: &str, definitions: &[Definition]) -> Option<String> {
    let flags = definitions.iter().map(|known| Arg::new(known.id().to_owned()).long(known.key().to_owned()));
    let command = Command::new("settings").no_binary_name(true).args(flags);
    let error = command.try_get_matches_from([format!("--{key}")]).err()?;
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(flag) => {
            Some(flag.split_whitespace().next()?.trim_start_matches('-').to_owned())
        }
        _ => None,
    }
}
