//! The checks of `doctor`: one table, which is also a table of docs/troubleshooting.md.
//!
//! Owns their names, their questions and their remedies. Must not know how they are answered.

use serde::Serialize;

/// A check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// The name in the output.
    pub(super) name: &'static str,
    /// What holds if the check succeeds.
    pub(super) holds: &'static str,
    /// What to do if it does not.
    pub(super) remedy: &'static str,
}

macro_rules! checks {
    ($($constant:ident: $name:literal, $holds:literal, $remedy:literal;)*) => {
        $(pub(super) const $constant: Check = Check { name: $name, holds: $holds, remedy: $remedy };)*
        /// All checks, in the order of the output.
        #[cfg(test)]
        pub(super) const ALL: &[&Check] = &[$(&$constant),*];
    };
}

checks! {
    SETTINGS: "settings",
        "the server would start with its settings",
        "correct the setting that the message names; moodle-mlbackend config shows all";
    DATA_DIRECTORY: "data directory",
        "the directory of the models exists, and belongs to the user of the service alone",
        "sudo install -d -m 0700 -o moodle-mlbackend -g moodle-mlbackend /var/lib/moodle-mlbackend";
    DISK: "disk",
        "the disk has 1 GiB or more left for models and uploads",
        "free some space, or move the data directory to a larger disk";
    USERS: "users",
        "the server has a user for Moodle, with a hashed password that is not weak",
        "moodle-mlbackend connect, or moodle-mlbackend passwd --generate moodle, and put the entry into the server's settings";
    SELINUX: "SELinux",
        "SELinux lets the web server, and so Moodle, connect to other servers",
        "sudo setsebool -P httpd_can_network_connect 1";
    SERVER: "server",
        "the server responds at its address with the version of the protocol, 3.0.5",
        "sudo systemctl start moodle-mlbackend, and see journalctl -u moodle-mlbackend; behind a proxy, see the proxy's log";
    CERTIFICATE: "certificate",
        "the certificate is for this name, from a known authority, and valid for two more weeks",
        "renew it (certbot renew), and use the file with its whole chain (fullchain.pem)";
    AUTHORIZATION: "authorization",
        "the proxy passes the header Authorization on, and does not ask for a password itself",
        "remove auth_basic or AuthType from the proxy; with FastCGI or WSGI in between, pass the header explicitly";
    BODY_SIZE: "body size",
        "the proxy accepts uploads of 1 GiB",
        "nginx: client_max_body_size 1100m; Apache: LimitRequestBody 1153433600";
    READ_TIMEOUT: "read timeout",
        "the proxy waits longer for the server than the server is silent (20 seconds)",
        "nginx: proxy_read_timeout 300s; Apache: ProxyPass … timeout=300; or lower MOODLE_MLBACKEND_KEEPALIVE_SECONDS; \
         --user NAME measures it";
    CLOCK: "clock",
        "the clocks of this machine and of the server differ by less than a minute",
        "sudo timedatectl set-ntp true, on both";
    MOODLE_VERSION: "Moodle's version",
        "Moodle accepts version 3.0.5 of the protocol",
        "use a Moodle whose plugin mlbackend_python asks for a version from 3.0.0 to 3.0.5";
    MOODLE_SETTINGS: "Moodle's settings",
        "Moodle uses this server, and the Python machine learning backend is its predictions processor",
        "moodle-mlbackend connect --moodle DIR";
    MOODLE_PASSWORD: "Moodle's password",
        "the server accepts Moodle's user and password",
        "moodle-mlbackend connect --moodle DIR --generate, with --users-file or --environment-file; then restart the server";
    BLOCKED_HOSTS: "blocked hosts",
        "Moodle's HTTP security does not block the server",
        "remove the host from the blocked hosts and add the port to the allowed ports (Site administration > General > Security > \
         HTTP security)";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::{env, fs};

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md");
    const BEGIN: &str = "<!-- The table is generated: REGENERATE=1 cargo test --lib doctor::checks -->\n";
    const END: &str = "<!-- end of the table -->\n";

    fn table() -> String {
        let mut table = "\n| check | holds if | remedy |\n|---|---|---|\n".to_owned();
        for check in ALL {
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(table, "| {} | {} | {} |", check.name, cell(check.holds), cell(check.remedy));
        }
        table + "\n"
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a file of the repository")]
    fn the_page_about_problems_has_the_table_of_checks() {
        let page = fs::read_to_string(PAGE).expect("the page");
        let (before, rest) = page.split_once(BEGIN).expect("the beginning of the table");
        let (shown, after) = rest.split_once(END).expect("the end of the table");
        if env::var_os("REGENERATE").is_some() {
            fs::write(PAGE, [before, BEGIN, &table(), END, after].concat()).expect("written");
        } else {
            assert_eq!(shown, table(), "regenerate it as the comment above it says");
        }
    }

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = ALL.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
