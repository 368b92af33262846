//! The server as a child process, which ends with the demo in every case.
//!
//! Owns its start, address, log file and end. Must not know which requests it gets.

use std::fs::{File, create_dir};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::DemoError;
use crate::cli::signals;

/// The log message of a server that is ready, before its address.
const LISTENING: &str = "listening on http://";

/// The server starts within milliseconds unless the machine is very busy.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The prefix of all variables that configure the server; those of a real installation must not configure the
/// demo's server.
const VARIABLE_PREFIX: &str = "MOODLE_ML";

/// A running server.
pub(super) struct Server {
    child: Arc<Mutex<Child>>,
    interrupted: Arc<AtomicBool>,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    /// The file with its output.
    log: PathBuf,
}

impl Server {
    /// Starts `serve` on a free loopback port, with models and uploads in `work`.
    pub(super) fn start(work: &Path, log: &Path, users: &str) -> Result<Self, DemoError> {
        let child = Arc::new(Mutex::new(spawn(work, log, users)?));
        let interrupted = Arc::new(AtomicBool::new(false));
        let mut server = Self { child, interrupted, address: String::new(), log: log.to_owned() };
        server.kill_on_signals();
        server.address = server.wait_for_address()?;
        Ok(server)
    }

    /// Whether the demo was interrupted by Ctrl-C or another signal. The server gets a Ctrl-C too and may exit
    /// before the demo has handled its own, so after an exit of the server this waits for a moment.
    pub(super) fn interrupted(&self) -> bool {
        let started = Instant::now();
        while self.exited() && started.elapsed() < Duration::from_millis(300) {
            if self.interrupted.load(Ordering::SeqCst) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Waits until the server exits. That is an error unless the demo was interrupted.
    pub(super) fn wait(&self) -> Result<(), DemoError> {
        while !self.exited() {
            std::thread::sleep(Duration::from_millis(100));
        }
        if self.interrupted() { Ok(()) } else { Err(DemoError::Exited(self.log_tail())) }
    }

    /// The last lines of the log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn wait_for_address(&self) -> Result<String, DemoError> {
        let started = Instant::now();
        loop {
            // Checked before the log is read, so that no output of an exited server is missed.
            let exited = self.exited();
            if let Some(address) = logged_address(&std::fs::read(&self.log).unwrap_or_default()) {
                return Ok(address);
            }
            if exited {
                return Err(DemoError::Exited(self.log_tail()));
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(DemoError::NotListening(self.log_tail()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn exited(&self) -> bool {
        !matches!(lock(&self.child).try_wait(), Ok(None))
    }

    /// Kills the server when a signal ends the demo: the pending request then fails, and the demo cleans up as
    /// after any failure.
    fn kill_on_signals(&self) {
        let child = Arc::clone(&self.child);
        let interrupted = Arc::clone(&self.interrupted);
        std::thread::spawn(move || {
            if signals::wait().is_ok() {
                interrupted.store(true, Ordering::SeqCst);
                let _ = lock(&child).kill(); // it may have exited already
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        // Both fail only if it has exited before.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn spawn(work: &Path, log: &Path, users: &str) -> Result<Child, DemoError> {
    let (data, uploads) = (work.join("data"), work.join("uploads"));
    let files = create_dir(&data)
        .and_then(|()| create_dir(&uploads))
        .and_then(|()| File::create_new(log))
        .and_then(|output| Ok((output.try_clone()?, output)));
    let (output, errors) = files.map_err(DemoError::Directory)?;
    let program = std::env::current_exe().map_err(DemoError::Start)?;
    let mut command = Command::new(program);
    // Without the file of a real installation.
    command.args(["serve", "--port", "0", "--config", ""]);
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with(VARIABLE_PREFIX)) {
        command.env_remove(name);
    }
    command
        .env("MOODLE_MLBACKEND_PYTHON_USERS", users)
        .env("MOODLE_MLBACKEND_PYTHON_DIR", data)
        .env("MOODLE_MLBACKEND_TEMPDIR", uploads)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(DemoError::Start)
}

/// The address in the server's log; only from a complete line, because the server may still be writing.
fn logged_address(log: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(log);
    let (_, rest) = text.split_once(LISTENING)?;
    let (line, _) = rest.split_once('\n')?;
    let address: String =
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || ".:-".contains(*c)).collect();
    address.contains(':').then_some(address)
}

/// A panic in another thread must not keep the server alive.
fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("starting\nlistening on http://127.0.0.1:50", None)]
    #[case("2026 INFO listening on http://127.0.0.1:5012\n", Some("127.0.0.1:5012"))]
    #[case("\x1b[32mINFO\x1b[0m listening on http://127.0.0.1:5012\x1b[0m\n", Some("127.0.0.1:5012"))]
    #[case("error: no such directory\n", None)]
    fn reads_the_address_from_a_complete_line_only(#[case] log: &str, #[case] address: Option<&str>) {
        assert_eq!(logged_address(log.as_bytes()).as_deref(), address);
    }
}
