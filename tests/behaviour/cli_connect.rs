//! `moodle-mlbackend connect` and `doctor` with PHP and a small tree that has the names of Moodle's scripts.
//!
//! Must not know how Moodle stores its settings.
#![allow(clippy::disallowed_methods, reason = "temporary files of the tests")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use moodle_mlbackend::auth::Users;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Launch, Output, Proxy, TestServer, find, free_port, program, skip};

const PASSWORD: &str = "a-long-password-of-moodle";

/// A copy of the tree, with settings.
struct Site {
    directory: TempDir,
    php: PathBuf,
}

impl Site {
    /// `None` without PHP.
    fn new(test: &str, settings: &Value) -> Option<Self> {
        let Some(php) = find("php") else {
            skip(test, "php is not installed");
            return None;
        };
        let directory = TempDir::new().unwrap();
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/moodle");
        for file in ["config.php", "admin/cli/cfg.php", "lib/mlbackend/python/classes/processor.php"] {
            let copy = directory.path().join(file);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(tree.join(file), copy).unwrap();
        }
        fs::write(directory.path().join("settings.json"), settings.to_string()).unwrap();
        Some(Self { directory, php })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn settings(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file("settings.json")).unwrap()).unwrap()
    }

    /// The command, with this PHP as the user of the test. Root may run PHP as itself here: the tree is in its own directory.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = program(&[name, "--moodle"]);
        command.arg(self.directory.path()).arg("--php").arg(&self.php);
        if rustix::process::geteuid().is_root() {
            command.args(["--web-user", "root"]);
        }
        command.args(arguments);
        command
    }

    fn connect(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("connect", arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may end before it reads.
        let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// The exit code, and the level of each check of `doctor`.
    fn doctor(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.command("doctor", arguments);
        doctor(&mut command)
    }
}

fn doctor(command: &mut Command) -> (Option<i32>, Value) {
    let output = Output::of(command.args(["--json", "--environment-file", "/nowhere"]));
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert!(!output.stdout.contains(PASSWORD) && !output.stderr.contains(PASSWORD), "{output:?}");
    (output.code, report)
}

/// The level of a check.
fn level<'a>(report: &'a Value, check: &str) -> &'a str {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {report}"))["level"].as_str().unwrap()
}

fn php_backend() -> Value {
    json!({"analytics": {"predictionsprocessor": "\\mlbackend_php\\processor"}})
}

#[test]
fn connect_sets_moodles_seven_settings_and_the_servers_user() {
    let Some(site) = Site::new("connect_sets_moodles_seven_settings", &php_backend()) else { return };
    let users = site.file("users");
    let arguments =
        ["--host", "ml.example.org", "--port", "443", "--https", "--users-file", users.to_str().unwrap()];
    let printed = site.connect(&arguments).expect_code(0);

    let settings = site.settings();
    let expected = json!({
        "useserver": "1", "host": "ml.example.org", "port": "443", "secure": "1",
        "username": "moodle", "password": PASSWORD,
    });
    assert_eq!(settings["mlbackend_python"], expected);
    assert_eq!(settings["analytics"]["predictionsprocessor"], "\\mlbackend_python\\processor");
    let entry: Users = fs::read_to_string(users).unwrap().trim().parse().unwrap();
    assert!(entry.verify("moodle", PASSWORD));
    assert!(!printed.contains(PASSWORD), "{printed}");
}

#[test]
fn the_password_is_never_an_argument_of_a_process() {
    let Some(site) = Site::new("the_password_is_never_an_argument", &php_backend()) else { return };
    site.connect(&[]).expect_code(0);
    let seen = fs::read_to_string(site.file("admin/cli/seen")).unwrap();
    assert!(seen.contains("connect --moodle") && seen.contains("php"), "{seen}");
    assert!(!seen.contains(PASSWORD), "{seen}");
}

#[test]
fn models_are_cleared_before_the_processor_changes_and_only_then() {
    let Some(site) = Site::new("models_are_cleared_before_the_processor_changes", &php_backend()) else {
        return;
    };
    site.connect(&[]).expect_code(0);
    let php = "\\mlbackend_php\\processor";
    assert_eq!(site.settings()["test"]["cleared"], json!({"1": php, "2": php}));

    let mut settings = site.settings();
    settings["test"]["cleared"] = json!({});
    fs::write(site.file("settings.json"), settings.to_string()).unwrap();
    site.connect(&[]).expect_code(0);
    // PHP writes an empty object as an array.
    assert_eq!(site.settings()["test"]["cleared"], json!([]));
    site.connect(&["--clear", "all"]).expect_code(0);
    assert_eq!(site.settings()["test"]["cleared"].as_object().unwrap().len(), 2);
}

#[test]
fn a_model_that_cannot_be_cleared_is_reported_with_the_remedy() {
    let mut settings = php_backend();
    settings["test"] = json!({"broken": true});
    let Some(site) = Site::new("a_model_that_cannot_be_cleared", &settings) else { return };
    let printed = site.connect(&[]).expect_code(1);
    assert!(
        printed.contains("2 models could not be cleared") && printed.contains("Clear predictions"),
        "{printed}"
    );
    assert_eq!(site.settings()["analytics"]["predictionsprocessor"], "\\mlbackend_python\\processor");
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_be_done() {
    let Some(site) = Site::new("a_dry_run_changes_nothing", &php_backend()) else { return };
    let users = site.file("users");
    let output = site.connect(&["--dry-run", "--json", "--users-file", users.to_str().unwrap()]);
    output.expect_code(0);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let steps = report["steps"].to_string();
    assert!(steps.contains("clear all models") && steps.contains("mlbackend_python/host"), "{steps}");
    assert_eq!(site.settings(), php_backend());
    assert!(!users.exists());
}

#[test]
fn connect_refuses_a_folder_without_a_moodle() {
    let directory = TempDir::new().unwrap();
    let output = Output::of(program(&["connect", "--generate", "--moodle"]).arg(directory.path()));
    let printed = output.expect_code(1);
    assert!(printed.contains("admin/cli/cfg.php"), "{printed}");
}

/// A server with Moodle's user, and a Moodle that is connected with it.
fn connected(test: &str) -> Option<(Site, TestServer)> {
    let site = Site::new(test, &php_backend())?;
    let users = site.file("users");
    let server_port = free_port().to_string();
    site.connect(&["--port", &server_port, "--users-file", users.to_str().unwrap()]).expect_code(0);
    let server = Launch::new()
        .without("MOODLE_MLBACKEND_PYTHON_USERS")
        .env("MOODLE_MLBACKEND_PYTHON_USERS_FILE", users.to_str().unwrap())
        .env("MOODLE_MLBACKEND_PORT", &server_port)
        .start();
    // The server may have chosen a port of its own.
    let mut settings = site.settings();
    settings["mlbackend_python"]["port"] = json!(server.address.port().to_string());
    fs::write(site.file("settings.json"), settings.to_string()).unwrap();
    Some((site, server))
}

#[test]
fn doctor_finds_a_connected_moodle_healthy() {
    let Some((site, _server)) = connected("doctor_finds_a_connected_moodle_healthy") else { return };
    let (code, report) = site.doctor(&[]);
    assert_eq!(code, Some(0), "{report}");
    for check in [
        "server",
        "authorization",
        "body size",
        "Moodle's settings",
        "Moodle's password",
        "Moodle's version",
        "blocked hosts",
    ] {
        assert_eq!(level(&report, check), "green", "{check}: {report}");
    }
}

#[test]
fn doctor_finds_what_is_wrong_in_moodle() {
    let Some((site, _server)) = connected("doctor_finds_what_is_wrong_in_moodle") else { return };
    let good = site.settings();
    let cases = [
        ("/mlbackend_python/password", json!("another-password"), "Moodle's password"),
        ("/mlbackend_python/useserver", json!("0"), "Moodle's settings"),
        ("/analytics/predictionsprocessor", json!("\\mlbackend_php\\processor"), "Moodle's settings"),
        ("/mlbackend_python/port", json!("1"), "server"),
    ];
    for (setting, value, check) in cases {
        let mut settings = good.clone();
        *settings.pointer_mut(setting).unwrap() = value;
        fs::write(site.file("settings.json"), settings.to_string()).unwrap();
        let (code, report) = site.doctor(&[]);
        assert_eq!((code, level(&report, check)), (Some(1), "red"), "{setting}: {report}");
    }
    let mut settings = good;
    settings["core"] = json!({"curlsecurityblockedhosts": "10.0.0.0/8\n127.0.0.0/8"});
    fs::write(site.file("settings.json"), settings.to_string()).unwrap();
    assert_eq!(level(&site.doctor(&[]).1, "blocked hosts"), "red");
}

#[test]
fn doctor_checks_the_settings_and_files_of_the_server() {
    let directory = TempDir::new().unwrap();
    let check = |users: &str, directory: &Path| {
        let mut command = program(&["doctor", "--url", "http://127.0.0.1:1"]);
        command.env("MOODLE_MLBACKEND_PYTHON_DIR", directory).env("MOODLE_MLBACKEND_PYTHON_USERS", users);
        doctor(&mut command).1
    };
    let report = check("moodle:moodle", directory.path());
    assert_eq!((level(&report, "users"), level(&report, "server")), ("red", "red"), "{report}");
    assert!(["green", "yellow"].contains(&level(&report, "data directory")), "{report}");
    assert_eq!(level(&check("moodle:a-long-password", directory.path()), "users"), "green");
    assert_eq!(level(&check("moodle:x", &directory.path().join("missing")), "settings"), "red");
}

#[test]
fn doctor_finds_what_a_proxy_breaks() {
    let test = "doctor_finds_what_a_proxy_breaks";
    let server = Launch::new().env("MOODLE_MLBACKEND_PYTHON_USERS", "moodle:a-long-password").start();
    let cases = [
        ("client_max_body_size 1100m;", "green", "green"),
        ("client_max_body_size 1m;", "green", "red"),
        ("client_max_body_size 1100m; proxy_set_header Authorization \"\";", "red", "green"),
    ];
    for (lines, authorization, body_size) in cases {
        let (directory, port) = (TempDir::new().unwrap(), free_port());
        let http = format!(
            "server {{ listen 127.0.0.1:{port}; {lines} location / {{ proxy_pass http://{}; }} }}",
            server.address
        );
        let Some(proxy) = Proxy::nginx(test, directory, port, &http) else { return };
        let (_, report) =
            doctor(&mut program(&["doctor", "--url", &format!("http://127.0.0.1:{}", proxy.port)]));
        assert_eq!(level(&report, "authorization"), authorization, "{lines} {report}");
        assert_eq!(level(&report, "body size"), body_size, "{lines} {report}");
    }
}

/// The password of a user, on standard input.
fn doctor_as(url: &str, user: &str, password: &str) -> Value {
    let mut command = program(&["doctor", "--url", url, "--user", user]);
    command.args(["--json", "--environment-file", "/nowhere"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

/// nginx waits for five seconds; the server is silent for one, or for eight.
#[test]
fn doctor_measures_the_read_timeout_of_a_proxy() {
    let test = "doctor_measures_the_read_timeout_of_a_proxy";
    let detail = |report: &Value| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == "read timeout").unwrap()["detail"].to_string()
    };
    for (keepalive, expected, says) in
        [("1", "green", "which began after"), ("8", "red", "of silence (status 504)")]
    {
        let server = Launch::new()
            .env("MOODLE_MLBACKEND_PYTHON_USERS", &format!("moodle:{PASSWORD}"))
            .env("MOODLE_MLBACKEND_KEEPALIVE_SECONDS", keepalive)
            .start();
        let (directory, port) = (TempDir::new().unwrap(), free_port());
        let http = format!(
            "server {{ listen 127.0.0.1:{port}; proxy_read_timeout 5s; location / {{ proxy_pass http://{}; }} }}",
            server.address
        );
        let Some(proxy) = Proxy::nginx(test, directory, port, &http) else { return };
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let report = doctor_as(&url, "moodle", PASSWORD);
        assert_eq!(level(&report, "read timeout"), expected, "{report}");
        assert!(detail(&report).contains(says), "{report}");
        let refused = doctor_as(&url, "moodle", "another-password");
        assert_eq!(level(&refused, "read timeout"), "yellow", "{refused}");
        assert!(detail(&refused).contains("refuses the user or the password"), "{refused}");
    }
}
