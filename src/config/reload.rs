//! Reading all settings again while the server runs.
//!
//! Owns what a change of each setting means: it is in force at once, or needs a restart. Must not know signals.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Config;
use super::error::ConfigError;
use super::setting::Setting;
use super::settings::{CommandLine, Settings};

/// Reads the settings again.
pub struct Reloader {
    line: CommandLine,
    started: Digests,
    current: Digests,
    exposed: Option<IpAddr>,
}

/// The digest of each setting's value, by its key.
type Digests = BTreeMap<String, Option<[u8; 32]>>;

/// What has changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// The keys of the settings that are now in force.
    pub applied: Vec<String>,
    /// The keys of the settings whose change needs a restart.
    pub need_restart: Vec<String>,
    /// What is probably a mistake.
    pub warnings: Vec<String>,
}

impl Reloader {
    /// The settings that the server started with.
    #[must_use]
    pub fn new(line: CommandLine, started: &Settings) -> Self {
        let started = digests(&started.list);
        Self { line, current: started.clone(), started, exposed: None }
    }

    /// Says at which address other machines reach the server.
    #[must_use]
    pub fn exposed_at(self, exposed: Option<IpAddr>) -> Self {
        Self { exposed, ..self }
    }

    /// Whether other machines can reach the server.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.exposed.is_some()
    }

    /// Reads all sources again, and changes the live settings of `config`. Blocks on files.
    ///
    /// # Errors
    /// When a source cannot be used. All settings stay as they are.
    pub fn reload(&mut self, config: &Config) -> Result<Changes, ConfigError> {
        let settings = Settings::read(&self.line)?;
        let new = Config::unchecked(&settings, config.live().users.as_deref())?;
        new.check_changes(config, self.exposed, &settings)?;
        let changed =
            |setting: &&Setting, known: &Digests| known.get(setting.key()) != Some(&setting.digest());
        let keys = |is_live: bool, known: &Digests| -> Vec<String> {
            let of_kind = settings.list.iter().filter(|setting| setting.is_live() == is_live);
            of_kind
                .filter(|setting| changed(setting, known))
                .map(|setting| setting.key().to_owned())
                .collect()
        };
        let (applied, need_restart) = (keys(true, &self.current), keys(false, &self.started));
        config.set_live(new.live());
        self.current = digests(&settings.list);
        Ok(Changes { applied, need_restart, warnings: settings.warnings })
    }
}

fn digests(list: &[Setting]) -> Digests {
    list.iter().map(|setting| (setting.key().to_owned(), setting.digest())).collect()
}
