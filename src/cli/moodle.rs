//! A Moodle on this machine: its settings, read and written with Moodle's own scripts.
//!
//! Owns running PHP. PHP reads what it runs from standard input, because other users of the machine can see the arguments of
//! a process: a password must not be there. Must not know which settings a command needs.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value};

/// The users that web servers run as, in the distributions of Linux.
const WEB_USERS: [&str; 5] = ["www-data", "apache", "wwwrun", "http", "nginx"];

/// Where Moodle's script for settings is: below the folder, or from Moodle 5.1 on possibly in its `public` folder.
const SCRIPTS: [&str; 2] = ["admin/cli/cfg.php", "public/admin/cli/cfg.php"];

/// Longer output of PHP is cut in messages.
const MAX_SHOWN: usize = 400;

/// The arguments that name a Moodle.
#[derive(Debug, clap::Args)]
pub(super) struct PhpArgs {
    /// The program that runs PHP.
    #[arg(long, value_name = "PROGRAM", default_value = "php")]
    php: PathBuf,

    /// The user to run PHP as, if this command runs as root [default: the user of the web server, such as www-data]
    #[arg(long, value_name = "USER")]
    web_user: Option<String>,
}

/// Why Moodle's scripts could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum MoodleError {
    #[error(
        "{0} is not the folder of a Moodle: it has no admin/cli/cfg.php. Name the folder that has Moodle's config.php"
    )]
    NotMoodle(PathBuf),
    #[error("PHP could not be started: {0}. Install PHP's command line (php-cli), or name it with --php")]
    Php(std::io::Error),
    #[error("There is no user {0} on this machine: name the user of the web server with --web-user")]
    NoUser(String),
    #[error("{script} failed: {output}")]
    Failed { script: &'static str, output: String },
}

/// A Moodle, with the means to run its scripts.
pub(super) struct Moodle {
    directory: PathBuf,
    script: PathBuf,
    php: PathBuf,
    user: Option<User>,
}

/// A user of this machine.
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

impl Moodle {
    /// The Moodle in a folder.
    ///
    /// # Errors
    /// When the folder has no Moodle, or the user does not exist.
    pub(super) fn at(directory: &Path, args: &PhpArgs) -> Result<Self, MoodleError> {
        let directory = directory.canonicalize().map_err(|_| MoodleError::NotMoodle(directory.into()))?;
        let script = SCRIPTS.map(|script| directory.join(script)).into_iter().find(|script| script.is_file());
        let script = script.ok_or_else(|| MoodleError::NotMoodle(directory.clone()))?;
        Ok(Self { directory, script, php: args.php.clone(), user: web_user(args.web_user.as_deref())? })
    }

    /// The user that PHP runs as, if it is not the user of this process.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.name.as_str())
    }

    /// Writes a setting with `admin/cli/cfg.php`.
    pub(super) fn set(&self, component: &str, name: &str, value: &str) -> Result<(), MoodleError> {
        let arguments =
            [format!("--component={component}"), format!("--name={name}"), format!("--set={value}")];
        self.cfg(&arguments).map(drop)
    }

    /// All settings of a component, as text. Values in Moodle's database are text or missing.
    pub(super) fn settings(&self, component: &str) -> Result<Map<String, Value>, MoodleError> {
        let output = self.cfg(&[format!("--component={component}"), "--json".to_owned()])?;
        // Before the object there may be notices of PHP.
        let object = output.lines().rev().find(|line| line.trim_start().starts_with(['{', '[']));
        match object.and_then(|line| serde_json::from_str(line).ok()) {
            Some(Value::Object(settings)) => Ok(settings),
            Some(Value::Array(empty)) if empty.is_empty() => Ok(Map::new()),
            _ => Err(MoodleError::Failed { script: "admin/cli/cfg.php", output: shown(&output) }),
        }
    }

    /// Clears every model, as the page of settings does: Moodle then trains and predicts again. Returns how many there were,
    /// and the messages of those that failed.
    pub(super) fn clear_models(&self) -> Result<(usize, Vec<String>), MoodleError> {
        let output = self.php(
            "analytics",
            &format!(
                "define('CLI_SCRIPT', true); require {}; \
                 $cleared = 0; $problems = []; \
                 foreach (\\core_analytics\\manager::get_all_models() as $model) {{ \
                     try {{ $model->clear(); $cleared++; }} \
                     catch (\\Throwable $problem) {{ $problems[] = $problem->getMessage(); }} \
                 }} \
                 echo \"\\n\" . json_encode([$cleared, $problems]) . \"\\n\";",
                literal(&self.directory.join("config.php").to_string_lossy())
            ),
        )?;
        let result = output.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        result.ok_or_else(|| MoodleError::Failed { script: "analytics", output: shown(&output) })
    }

    /// Whether a file of Moodle contains a text; `None` if there is no such file.
    pub(super) fn mentions(&self, file: &str, text: &str) -> Option<bool> {
        let paths = [self.directory.join(file), self.directory.join("public").join(file)];
        paths.iter().find_map(|path| fs::read_to_string(path).ok()).map(|content| content.contains(text))
    }

    /// Runs Moodle's script with arguments that only it sees.
    fn cfg(&self, arguments: &[String]) -> Result<String, MoodleError> {
        let arguments: Vec<String> = arguments.iter().map(|argument| literal(argument)).collect();
        self.php(
            "admin/cli/cfg.php",
            &format!(
                "$argv = ['cfg.php', {}]; $argc = count($argv); $_SERVER['argv'] = $argv; $_SERVER['argc'] = $argc; \
                 require {};",
                arguments.join(", "),
                literal(&self.script.to_string_lossy())
            ),
        )
    }

    /// Runs code. Messages have the output of PHP, never the code, which can contain a password.
    fn php(&self, script: &'static str, code: &str) -> Result<String, MoodleError> {
        let mut command = Command::new(&self.php);
        command.current_dir(&self.directory).env_remove("MOODLE_MLBACKEND_PYTHON_USERS");
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(MoodleError::Php)?;
        let mut input = child.stdin.take().expect("it is piped");
        // If PHP ends before it has read everything, its exit code says so.
        let _ = input.write_all(format!("<?php {code}\n").as_bytes());
        drop(input);
        let output = child.wait_with_output().map_err(MoodleError::Php)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let all = text + &String::from_utf8_lossy(&output.stderr);
        Err(MoodleError::Failed { script, output: shown(&all) })
    }
}

/// The user to run PHP as: the files that PHP makes must belong to the web server, not to root.
fn web_user(named: Option<&str>) -> Result<Option<User>, MoodleError> {
    let list = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        list.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next().filter(|found| *found == name)?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(User { name: found.to_owned(), uid, gid })
        })
    };
    match named {
        Some(name) => find(name).map(Some).ok_or_else(|| MoodleError::NoUser(name.to_owned())),
        None if rustix::process::geteuid().is_root() => Ok(WEB_USERS.into_iter().find_map(find)),
        None => Ok(None),
    }
}

/// A text as PHP code.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The end of what PHP printed, on one line: the error is last.
fn shown(output: &str) -> String {
    let line = super::table::sanitized(output.trim());
    let length = line.chars().count();
    if length == 0 {
        "it printed nothing".to_owned()
    } else {
        line.chars().skip(length.saturating_sub(MAX_SHOWN)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_as_php_code_cannot_end_its_quotes() {
        assert_eq!(literal("a'b"), r"'a\'b'");
        assert_eq!(literal(r"\mlbackend_python\processor"), r"'\\mlbackend_python\\processor'");
        assert_eq!(literal(r"ends with \"), r"'ends with \\'");
    }

    #[test]
    fn messages_have_the_end_of_the_output_on_one_line() {
        let output = format!("{}\nthe error", "notice ".repeat(200));
        assert!(shown(&output).ends_with("the error") && shown(&output).chars().count() <= MAX_SHOWN);
        assert_eq!(shown(" \n"), "it printed nothing");
    }
}
