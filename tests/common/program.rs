//! The program as a command that ends, and files below a directory.
//!
//! Must not know what a command does. A running server is in `server.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::untouched;

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub code: Option<i32>,
}

impl Output {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the command starts");
        Self {
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }

    /// Asserts the exit code, and returns everything that was printed.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stdout.clone() + &self.stderr
    }
}

/// The program, without the settings of this machine.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moodle-mlbackend"));
    untouched(command.args(arguments));
    command
}

/// Runs a command of the program on a file or directory.
pub fn run_on(path: &Path, command: &str, flags: &[&str]) -> Output {
    Output::of(program(&[command]).arg(path).args(flags))
}

/// All paths below a directory with the content of files and the targets of links; directories have no content.
pub fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let content = if path.is_symlink() {
            fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else if path.is_dir() {
            contents.extend(self::contents(&path));
            Vec::new()
        } else {
            fs::read(&path).expect("a file")
        };
        contents.insert(path, content);
    }
    contents
}
