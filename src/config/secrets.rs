//! Secrets in files: the file that a `…_FILE` variable or a key of the TOML file names, and credentials of systemd.
//!
//! Owns the order of these sources. Must not know what a secret means. No error contains a secret.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::definition::Definition;
use super::origin::Origin;
use super::toml_file::TomlFile;
use super::variables::USERS;
use crate::fs::read_small;

/// The directory of the credentials that systemd passes to a service (systemd.exec(5), `LoadCredential`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Ten thousand users with hashed passwords.
const MAX_BYTES: u64 = 2 << 20;

/// The value of a secret, or the problem with its file.
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) value: Result<Vec<u8>, String>,
    /// Sources of lower precedence that are ignored.
    pub(super) ignored: Vec<Origin>,
}

impl Found {
    /// Whether the value is the content of a file, in which line ends are usual.
    pub(super) fn is_file(&self) -> bool {
        matches!(self.origin, Origin::VariableFile { .. } | Origin::Credential(_) | Origin::TomlFile { .. })
    }

    /// One for each source of lower precedence.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let used = &self.origin;
        self.ignored.iter().map(move |ignored| format!("{ignored} is ignored, because {used} has precedence"))
    }
}

/// The value of a secret from the source with the highest precedence; `None` if there is none.
///
/// `environment` returns the value of a variable.
pub(super) fn find(
    secret: &Definition,
    toml: Option<&TomlFile>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Option<Found> {
    let mut sources: Vec<(Origin, Source)> = Vec::new();
    let set = |variable: &str| environment(variable).filter(|value| !value.is_empty());
    if let Some(value) = set(secret.variable()) {
        sources.push((Origin::Variable(secret.variable().to_owned()), Source::Value(value.into_vec())));
    }
    let variable = format!("{}_FILE", secret.variable());
    if let Some(path) = set(&variable).map(PathBuf::from) {
        sources.push((Origin::VariableFile { variable, path: path.clone() }, Source::File(path)));
    }
    let credential = set(CREDENTIALS).map(|directory| Path::new(&directory).join(secret.key()));
    if let Some(path) = credential.filter(|path| path.exists()) {
        sources.push((Origin::Credential(path.clone()), Source::File(path)));
    }
    sources.extend(toml.and_then(|toml| in_toml(secret, toml)));
    // Without users every request is refused, so an empty variable without another source is a mistake, and not unset.
    if sources.is_empty() && secret.variable() == USERS && environment(USERS).is_some() {
        sources.push((Origin::Variable(secret.variable().to_owned()), Source::Value(Vec::new())));
    }
    let mut sources = sources.into_iter();
    let (origin, source) = sources.next()?;
    let value = match source {
        Source::Value(value) => Ok(value),
        Source::File(path) => read(&path),
    };
    Some(Found { origin, value, ignored: sources.map(|(origin, _)| origin).collect() })
}

enum Source {
    Value(Vec<u8>),
    File(PathBuf),
}

fn in_toml(secret: &Definition, toml: &TomlFile) -> Option<(Origin, Source)> {
    if let Some(entry) = toml.entry(secret.key()) {
        let value = secret.joined(&entry.values).join(",");
        let origin = Origin::Toml { path: toml.path.clone(), line: entry.line };
        return Some((origin, Source::Value(value.into_bytes())));
    }
    let entry = toml.entry(&format!("{}-file", secret.key()))?;
    let path = PathBuf::from(entry.values.first()?);
    let origin = Origin::TomlFile { path: path.clone(), toml: toml.path.clone(), line: entry.line };
    Some((origin, Source::File(path)))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read_small(path, MAX_BYTES).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            "the file is larger than 2 MiB: name the file with the value alone".to_owned()
        }
        _ => format!("the file cannot be read ({error}): name a file that this user can read"),
    })?;
    if bytes.trim_ascii().is_empty() {
        return Err("the file is empty: write the value into it".to_owned());
    }
    Ok(bytes)
}
