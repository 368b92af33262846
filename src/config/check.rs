//! The typed settings made of all sources, and their checks.
//!
//! Owns which settings and combinations cannot be used. Must not know where values come from, except to say so in errors.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use clap::FromArgMatches as _;

use super::error::ConfigError;
use super::origin::Origin;
use super::settings::Settings;
use super::variables::{ADMINS, DATA_DIR, STASH_DIR, TEMP_DIR, VIEWERS};
use super::{CommandLine, Config, Endpoint, ServeArgs};
use crate::auth::{Users, Weakness};

impl Config {
    /// The typed settings, checked.
    ///
    /// # Errors
    /// When a directory, the users or the combination of address and passwords cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let config = Self::unchecked(settings, None)?;
        for (variable, path) in config.directories() {
            check_directory(variable, path, settings)?;
        }
        config.bucket.refuse_two()?;
        config.tls.files()?;
        config.refuse_unknown_metrics_user()?;
        config.refuse_roles_of_no_user()?;
        config.refuse_well_known_passwords(config.exposed_address())?;
        Ok(config)
    }

    /// The typed settings, with users, before their combination is checked. Users that stay the same keep their verified
    /// passwords, which are slow to check again.
    pub(super) fn unchecked(settings: &Settings, before: Option<&Users>) -> Result<Self, ConfigError> {
        if let Some(problem) = settings.secret_problem() {
            return Err(problem);
        }
        let ServeArgs { unchecked: mut config, .. } = ServeArgs::from_arg_matches(&settings.matches)
            .map_err(|error| ConfigError::Arguments(error.to_string()))?;
        config.stash_dir = config.stash_dir.filter(|path| !path.as_os_str().is_empty());
        let users = settings.users.as_ref().map(|found| {
            let bytes = found.value.as_deref().unwrap_or_default();
            let users = if found.is_file() { Users::from_file(bytes) } else { Users::from_bytes(bytes) };
            users.map_err(|problem| ConfigError::Users { origin: found.origin.clone(), problem })
        });
        let users = users.transpose()?.map(|users| match before {
            Some(before) => users.with_verified(before),
            None => users,
        });
        config.set_users(users);
        Ok(config)
    }

    /// Checks the settings that replace those of a server that other machines reach at `exposed`. Directories that stay the
    /// same are in use.
    pub(super) fn check_changes(
        &self,
        running: &Self,
        exposed: Option<IpAddr>,
        settings: &Settings,
    ) -> Result<(), ConfigError> {
        for (variable, path) in self.directories() {
            if !running.directories().any(|known| known == (variable, path)) {
                check_directory(variable, path, settings)?;
            }
        }
        self.bucket.refuse_two()?;
        self.tls.files()?;
        self.refuse_unknown_metrics_user()?;
        self.refuse_roles_of_no_user()?;
        self.refuse_well_known_passwords(exposed.or_else(|| self.exposed_address()))
    }

    /// The directories that must exist, with their variables.
    fn directories(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let stash = self.stash_dir.as_deref().map(|dir| (STASH_DIR, dir));
        // With a bucket, none is needed.
        let data = self.bucket().is_none().then_some((DATA_DIR, self.data_dir.as_path()));
        data.into_iter().chain([(TEMP_DIR, self.temp_dir.as_path())]).chain(stash)
    }

    fn refuse_unknown_metrics_user(&self) -> Result<(), ConfigError> {
        let live = self.live();
        match self.monitoring.user() {
            Some(user) if !live.users.iter().flat_map(|users| users.names()).any(|name| name == user) => {
                Err(ConfigError::MetricsUser(user.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn refuse_roles_of_no_user(&self) -> Result<(), ConfigError> {
        let live = self.live();
        for (variable, names) in [(ADMINS, &live.admins), (VIEWERS, &live.viewers)] {
            let exists = |name: &&str| live.users.iter().any(|users| users.names().any(|user| user == *name));
            if let Some(name) = names.iter().find(|name| !exists(name)) {
                return Err(ConfigError::RoleOfNoUser { variable, name: name.to_owned() });
            }
        }
        match live.admins.iter().find(|name| live.viewers.contains(name)) {
            Some(name) => Err(ConfigError::TwoRoles(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Where this machine reaches the health checks of the server with these settings.
    ///
    /// # Errors
    /// When the settings cannot be used, or plain HTTP does not reach it.
    pub fn health_url(line: &CommandLine) -> Result<String, ConfigError> {
        let config = Self::unchecked(&Settings::read(line)?, None)?;
        let has_tls = config.tls.files()?.is_some();
        let main = config.endpoints().into_iter().find_map(|endpoint| match endpoint {
            Endpoint::Tcp(address) if !has_tls => Some(address),
            _ => None,
        });
        let address = config.monitoring.listen().or(main).ok_or(ConfigError::NoHealthAddress)?;
        Ok(format!("http://{}", from_this_machine(address)))
    }

    /// Where this machine reaches the server itself with these settings, over plain HTTP or HTTPS.
    ///
    /// # Errors
    /// When the settings cannot be used, or it listens on no port.
    pub fn main_url(line: &CommandLine) -> Result<String, ConfigError> {
        let config = Self::unchecked(&Settings::read(line)?, None)?;
        let scheme = if config.tls.files()?.is_some() { "https" } else { "http" };
        let address = config.endpoints().into_iter().find_map(|endpoint| match endpoint {
            Endpoint::Tcp(address) => Some(address),
            Endpoint::Unix(_) => None,
        });
        Ok(format!("{scheme}://{}", from_this_machine(address.ok_or(ConfigError::NoHealthAddress)?)))
    }

    /// Refuses well-known passwords of a server that other machines can reach at an address.
    ///
    /// # Errors
    /// When a user has such a password and there is such an address.
    pub fn refuse_well_known_passwords(&self, exposed: Option<IpAddr>) -> Result<(), ConfigError> {
        let Some(host) = exposed else { return Ok(()) };
        let live = self.live();
        let mut weak = live.users.iter().flat_map(|users| users.weak());
        match weak.find(|(_, weakness)| *weakness == Weakness::WellKnown) {
            Some((user, _)) => Err(ConfigError::WellKnownPassword { user: user.to_owned(), host }),
            None => Ok(()),
        }
    }
}

/// Checks that files can be created. Only the directory of the models has no default.
/// An address to connect to: a server that listens on all addresses is reached at loopback.
fn from_this_machine(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: IpAddr =
            if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}

fn check_directory(variable: &'static str, path: &Path, settings: &Settings) -> Result<(), ConfigError> {
    if path.as_os_str().is_empty() {
        return Err(ConfigError::NoDataDir);
    }
    let refuse = |problem: String| {
        let origin = settings.origin(variable).cloned().unwrap_or(Origin::Unset);
        ConfigError::Directory { variable, origin, path: path.to_owned(), problem }
    };
    match fs::metadata(path) {
        Err(error) => return Err(refuse(format!("which cannot be opened ({error})"))),
        Ok(found) if !found.is_dir() => return Err(refuse("which is not a directory".to_owned())),
        Ok(_) => {}
    }
    // Permission bits do not show read-only mounts, quotas or ACLs; creating a file does.
    tempfile::tempfile_in(path).map_err(|error| refuse(format!("which cannot be written to ({error})")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{ImportLimits, USUAL_BUDGET};
    use crate::config::Endpoints;
    use clap::{Args as _, Command};
    use std::ffi::OsString;

    fn serve() -> Command {
        ServeArgs::augment_args(Command::new("serve"))
    }

    /// The settings of flags, without the variables and files of this machine.
    fn parsed(flags: &[&str]) -> Result<Config, ConfigError> {
        let args: Vec<OsString> = flags.iter().chain(&["--config", ""]).map(OsString::from).collect();
        Config::new(&Settings::read(&CommandLine::new(serve, args))?)
    }

    /// The settings with an existing data directory.
    fn valid(flags: &[&str]) -> Config {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_str().expect("UTF-8");
        parsed(&[&["--data-dir", path], flags].concat()).expect("the settings are valid")
    }

    #[rstest::rstest]
    #[case("/nowhere/at/all", "is set to /nowhere/at/all, which cannot be opened")]
    #[case("/dev/null", "is set to /dev/null, which is not a directory: set it to an existing directory")]
    #[case("", "is not set")]
    fn names_the_variable_of_an_invalid_data_directory(#[case] path: &str, #[case] problem: &str) {
        let error = parsed(&["--data-dir", path]).expect_err("it is invalid").to_string();
        assert!(error.starts_with(&format!("MOODLE_MLBACKEND_PYTHON_DIR {problem}")), "{error}");
    }

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let config = valid(&[]);
        let listening = |flags: &[&str]| valid(flags).endpoints();
        let parsed = |text: &str| text.parse::<Endpoints>().expect("an address").0;
        assert_eq!(listening(&[]), parsed("127.0.0.1:5000"));
        assert_eq!(listening(&["--world-visible", "-p", "0"]), parsed("0.0.0.0:0"));
        let live = config.live();
        assert_eq!(live.reported_version, "3.0.5");
        assert_eq!(live.uploads.dataset_bytes, 1 << 30);
        assert_eq!((live.evaluation_time, live.import), (USUAL_BUDGET, ImportLimits::USUAL));
        assert!(!config.debug_mode && config.jobs >= 1);
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let config = valid(&[]);
        let users = Some("ann:topsecret".parse().expect("a user"));
        config.set_users(users);
        let shown = format!("{config:?}");
        assert!(shown.contains("ann") && !shown.contains("topsecret"), "{shown}");
    }
}
