//! Checks of a Moodle: its settings, the version that it asks for, and its own blocking of hosts.
//!
//! Must not know how Moodle stores them. The password is sent only to the address that Moodle itself sends it to.

use serde_json::{Map, Value};

use super::checks::{BLOCKED_HOSTS, MOODLE_PASSWORD, MOODLE_SETTINGS, MOODLE_VERSION};
use super::finding::Finding;
use super::probe::{Login, Target};
use super::remote::REFUSED;
use crate::cli::connect::{PLUGIN, PROCESSOR};
use crate::cli::moodle::{Moodle, MoodleError};

/// Moodle's part for this server.
const PROCESSOR_FILE: &str = "lib/mlbackend/python/classes/processor.php";

/// Present in Moodle's part for this server if it is exempt from Moodle's HTTP security.
const EXEMPTION: &str = "ignoresecurity";

/// What Moodle stores.
pub(super) struct Site {
    plugin: Map<String, Value>,
    processor: String,
    blocked_hosts: String,
}

impl Site {
    /// Reads the settings of a Moodle.
    pub(super) fn read(moodle: &Moodle) -> Result<Self, MoodleError> {
        let analytics = moodle.settings("analytics")?;
        let core = moodle.settings("core")?;
        Ok(Self {
            plugin: moodle.settings(PLUGIN)?,
            processor: text(&analytics, "predictionsprocessor").to_owned(),
            blocked_hosts: text(&core, "curlsecurityblockedhosts").to_owned(),
        })
    }

    /// The server that Moodle uses.
    pub(super) fn target(&self) -> Option<Target> {
        let port = text(&self.plugin, "port").parse().ok()?;
        let host = Some(text(&self.plugin, "host")).filter(|host| !host.is_empty())?;
        Some(Target::new(host, port, self.secure()))
    }

    /// What Moodle logs in with.
    fn login(&self) -> Option<Login<'_>> {
        let (user, password) = (text(&self.plugin, "username"), text(&self.plugin, "password"));
        (!user.is_empty() && !password.is_empty()).then_some(Login { user, password })
    }

    /// The login, for the address that Moodle itself sends it to, unless that is this machine's own.
    pub(super) fn login_at(&self, target: &Target) -> Option<Login<'_>> {
        let is_own = self.target().is_some_and(|own| own.url() == target.url());
        self.login().filter(|_| is_own && !target.is_loopback())
    }

    fn secure(&self) -> bool {
        is_set(text(&self.plugin, "secure"))
    }

    /// All checks. `target` is the address that was checked.
    pub(super) fn examine(&self, moodle: &Moodle, target: Option<&Target>) -> Vec<Finding> {
        let mut findings = vec![version(moodle), self.settings(target)];
        findings.extend(self.password());
        findings.push(self.blocked(moodle));
        findings
    }

    fn settings(&self, target: Option<&Target>) -> Finding {
        let wrong = |detail: String| Finding::red(&MOODLE_SETTINGS, detail);
        if self.processor != PROCESSOR {
            let now = if self.processor.is_empty() { "none" } else { &self.processor };
            return wrong(format!("the predictions processor is {now}"));
        }
        if !is_set(text(&self.plugin, "useserver")) {
            return wrong("Use a server is not ticked, so Moodle runs pathtopython instead".to_owned());
        }
        let Some(own) = self.target() else {
            return wrong("host or port is missing".to_owned());
        };
        if self.login().is_none() {
            return wrong("user name or password is missing".to_owned());
        }
        match target {
            Some(target) if target.url() != own.url() => Finding::yellow(
                &MOODLE_SETTINGS,
                format!("Moodle uses {}, and {} was checked", own.url(), target.url()),
            ),
            _ => Finding::green(&MOODLE_SETTINGS, format!("Moodle uses {}", own.url())),
        }
    }

    /// Logs in as Moodle does. The request lacks its data, so that the server does nothing.
    fn password(&self) -> Option<Finding> {
        let (target, login) = (self.target()?, self.login()?);
        Some(match target.post("/training", Some(&login)) {
            Err(error) => Finding::yellow(&MOODLE_PASSWORD, format!("a request failed: {error}")),
            Ok(reply) if reply.body.contains("uniqueid is not available") => {
                Finding::green(&MOODLE_PASSWORD, format!("the server accepts {}", login.user))
            }
            Ok(reply) if reply.body.contains(REFUSED) => {
                Finding::red(&MOODLE_PASSWORD, format!("the server refuses {}", login.user))
            }
            Ok(reply) => Finding::yellow(
                &MOODLE_PASSWORD,
                format!("a login was answered with status {}", reply.status),
            ),
        })
    }

    fn blocked(&self, moodle: &Moodle) -> Finding {
        let host = text(&self.plugin, "host");
        let is_listed = self.blocked_hosts.lines().any(|blocked| covers(blocked.trim(), host));
        match moodle.mentions(PROCESSOR_FILE, EXEMPTION) {
            _ if !is_listed => Finding::green(&BLOCKED_HOSTS, format!("{host} is not blocked")),
            Some(true) => Finding::green(
                &BLOCKED_HOSTS,
                format!("{host} is blocked, but not for this plugin of Moodle"),
            ),
            Some(false) => Finding::red(&BLOCKED_HOSTS, format!("{host} is blocked")),
            None => Finding::yellow(
                &BLOCKED_HOSTS,
                format!("{host} is blocked, if this Moodle does not exempt the plugin"),
            ),
        }
    }
}

/// Whether a line of Moodle's list is this host or its network; names only as they are.
fn covers(blocked: &str, host: &str) -> bool {
    let network =
        || Some(blocked.parse::<ipnet::IpNet>().ok()?.contains(&host.parse::<std::net::IpAddr>().ok()?));
    let wildcard = blocked.strip_prefix('*').is_some_and(|end| !end.is_empty() && host.ends_with(end));
    !blocked.is_empty() && (blocked == host || wildcard || network().unwrap_or(false))
}

/// The version that Moodle's plugin asks for, from its source: Moodle accepts the same major version, and later ones of it.
fn version(moodle: &Moodle) -> Finding {
    match moodle.mentions(PROCESSOR_FILE, "REQUIRED_PIP_PACKAGE_VERSION = '3.0.") {
        Some(true) => Finding::green(&MOODLE_VERSION, "it asks for a version 3.0"),
        Some(false) => Finding::red(&MOODLE_VERSION, "its plugin asks for another version"),
        None => Finding::yellow(&MOODLE_VERSION, "its plugin mlbackend_python was not found"),
    }
}

fn text<'a>(settings: &'a Map<String, Value>, name: &str) -> &'a str {
    settings.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A switch of Moodle.
fn is_set(value: &str) -> bool {
    !matches!(value, "" | "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.0/8", "127.0.0.1", true)]
    #[case("localhost", "localhost", true)]
    #[case("*.example.org", "ml.example.org", true)]
    #[case("10.0.0.0/8", "ml.example.org", false)]
    #[case("", "127.0.0.1", false)]
    fn a_line_of_moodles_list_blocks_a_network_or_a_name(
        #[case] line: &str,
        #[case] host: &str,
        #[case] blocked: bool,
    ) {
        assert_eq!(covers(line, host), blocked);
    }
}
