//! One setting in force: its value and where it comes from.
//!
//! Must not know how values are read. Nothing here shows a secret.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use clap::ArgMatches;
use sha2::{Digest as _, Sha256};

use super::definition::{Definition, Kind};
use super::origin::Origin;

/// A setting in force.
pub struct Setting {
    pub(super) definition: Definition,
    pub(super) value: Option<OsString>,
    /// Where the value comes from.
    pub origin: Origin,
    /// Why the source of the value cannot be read.
    pub(super) problem: Option<String>,
}

impl Setting {
    /// The name in a TOML file, and of the flag without its dashes.
    #[must_use]
    pub fn key(&self) -> &str {
        self.definition.key()
    }

    /// The environment variable.
    #[must_use]
    pub fn variable(&self) -> &str {
        self.definition.variable()
    }

    /// Whether SIGHUP changes it; all others need a restart.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.definition.is_live
    }

    /// Whether the value must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.definition.is_secret()
    }

    /// The value; `None` for a secret and without a value.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let value = self.value.as_ref().filter(|_| !self.is_secret())?;
        Some(value.to_string_lossy().into_owned())
    }

    /// Tells values apart without keeping them.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        self.value.as_ref().map(|value| Sha256::digest(value.as_bytes()).into())
    }

    /// Takes the value that clap has in the end: of a flag, a variable, the TOML file or the default. For arguments of the
    /// command only.
    pub(super) fn complete(&mut self, matches: &ArgMatches) {
        let id = self.definition.id();
        let raw = matches.get_raw(id).map(|values| values.collect::<Vec<_>>().join(",".as_ref()));
        let path = matches.try_get_one::<PathBuf>(id).ok().flatten();
        self.value = match self.definition.kind() {
            Kind::Switch => Some(matches.get_flag(id).to_string().into()),
            _ => path.map(|path| path.clone().into_os_string()).or(raw),
        };
        self.value = self.value.take().filter(|value| !value.is_empty());
        if self.value.is_none() && self.origin == Origin::Default {
            self.origin = Origin::Unset;
        }
    }
}
