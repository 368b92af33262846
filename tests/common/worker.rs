//! Starts and ends workers of a server.
//!
//! Must not know what they do.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::faults::{fired_failpoint, inject_fault_at};
use super::server::program;
use super::tools::{until, untouched};

/// A worker with the directories of a server, killed on drop.
pub struct TestWorker {
    child: Child,
    log: PathBuf,
    orders: PathBuf,
}

impl TestWorker {
    /// Starts one that must run. `directory` is that of the server, and `name` that of the worker in its log.
    pub fn start(directory: &Path, name: &str, url: &str, settings: &[(&str, &str)]) -> Self {
        let log = directory.join(format!("{name}.log"));
        let orders = directory.join(format!("{name}.orders"));
        let mut command = Self::command(directory, url, settings);
        command.env("MLBACKEND_TEST_FAULTS", &orders);
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("stdout is piped");
        BufReader::new(out).read_line(&mut line).expect("stdout is readable");
        let worker = Self { child, log, orders };
        assert_eq!(line, "taking jobs from the queue\n", "{}", worker.log());
        worker
    }

    /// The command of a worker.
    pub fn command(directory: &Path, url: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program());
        untouched(command.arg("worker"))
            .env("MOODLE_MLBACKEND_CONFIG", "/dev/null")
            .env("MOODLE_MLBACKEND_PYTHON_DIR", directory.join("data"))
            .env("MOODLE_MLBACKEND_TEMPDIR", directory.join("temp"))
            .env("MOODLE_MLBACKEND_PYTHON_USERS", "a:b")
            .env("MOODLE_MLBACKEND_REDIS_URL", url)
            .envs(settings.iter().copied());
        command
    }

    /// The log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log is text")
    }

    /// Makes its next job stop at a step.
    pub fn hold(&self, step: &str) {
        inject_fault_at(&self.orders, &format!("hold {step}"));
    }

    /// Waits until a job has stopped at the step.
    #[track_caller]
    pub fn wait_until_held(&self) {
        until("a job of the worker stops at the step", || fired_failpoint(&self.orders).is_some());
    }

    /// Lets the stopped job continue.
    pub fn release(&self) {
        inject_fault_at(&self.orders.with_extension("go"), "");
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until it ends; its exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().expect("the worker ends").code()
    }

    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
