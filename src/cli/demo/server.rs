//! The real server as a child process, which dies with the demo on every path.
//!
//! Owns starting it, learning its address, its log file and its end. Must not know what is asked of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::DemoError;

/// What the server prints once it answers, before its address.
const LISTENING: &str = "listening on http://";

/// How long a start may take; it takes milliseconds, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every variable that configures the server starts so; those of a real installation must not reach
/// the demo's.
const SETTINGS: &str = "MOODLE_ML";

/// A running server.
pub(super) struct Server {
    child: Arc<Mutex<Child>>,
    interrupted: Arc<AtomicBool>,
    /// `127.0.0.1:PORT`.
    pub(super) address: String,
    /// Where its output goes.
    log: PathBuf,
}

impl Server {
    /// Starts `serve` on a free loopback port; its models and uploads go into `work`.
    pub(super) fn start(work: &Path, log: &Path, users: &str) -> Result<Self, DemoError> {
        let child = Arc::new(Mutex::new(spawn(work, log, users)?));
        let interrupted = Arc::new(AtomicBool::new(false));
        let mut server = Self { child, interrupted, address: String::new(), log: log.to_owned() };
        server.end_on_signals();
        server.address = server.wait_for_address()?;
        Ok(server)
    }

    /// Whether somebody pressed Ctrl-C or ended the demo. The server gets a Ctrl-C too and may be gone
    /// before the demo has noticed its own, so a server that has ended is given a moment's thought.
    pub(super) fn interrupted(&self) -> bool {
        let thought = Instant::now();
        while self.ended() && thought.elapsed() < Duration::from_millis(300) {
            if self.interrupted.load(Ordering::SeqCst) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Returns when the server has ended: fine by Ctrl-C, an error by itself.
    pub(super) fn wait(&self) -> Result<(), DemoError> {
        while !self.ended() {
            std::thread::sleep(Duration::from_millis(100));
        }
        if self.interrupted() { Ok(()) } else { Err(DemoError::Ended(self.last_words())) }
    }

    /// The last lines of the log, for an error message.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn wait_for_address(&self) -> Result<String, DemoError> {
        let started = Instant::now();
        loop {
            // Whether it has ended is asked before the log is read, so that nothing it wrote is missed.
            let ended = self.ended();
            if let Some(address) = announced(&std::fs::read(&self.log).unwrap_or_default()) {
                return Ok(address);
            }
            if ended {
                return Err(DemoError::Ended(self.last_words()));
            }
            if started.elapsed() > PATIENCE {
                return Err(DemoError::Silent(self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ended(&self) -> bool {
        !matches!(lock(&self.child).try_wait(), Ok(None))
    }

    /// Kills the server when the demo is told to end: whatever the demo waits for then fails, and its
    /// own way out cleans up.
    fn end_on_signals(&self) {
        let child = Arc::clone(&self.child);
        let interrupted = Arc::clone(&self.interrupted);
        std::thread::spawn(move || {
            if wait_for_signal().is_ok() {
                interrupted.store(true, Ordering::SeqCst);
                let _ = lock(&child).kill(); // it may have gone already
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        // Both fail only when it has ended before.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn spawn(work: &Path, log: &Path, users: &str) -> Result<Child, DemoError> {
    let (data, uploads) = (work.join("data"), work.join("uploads"));
    std::fs::create_dir(&data).map_err(DemoError::Directory)?;
    std::fs::create_dir(&uploads).map_err(DemoError::Directory)?;
    let output = File::create_new(log).map_err(DemoError::Directory)?;
    let errors = output.try_clone().map_err(DemoError::Directory)?;
    let program = std::env::current_exe().map_err(DemoError::Start)?;
    let mut command = Command::new(program);
    command.args(["serve", "--port", "0"]);
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(SETTINGS))
    {
        command.env_remove(variable);
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

/// The address in the server's first words; only a whole line counts, for it may still be writing.
fn announced(log: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(log);
    let (_, rest) = text.split_once(LISTENING)?;
    let (line, _) = rest.split_once('\n')?;
    let address: String =
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || ".:-".contains(*c)).collect();
    address.contains(':').then_some(address)
}

fn wait_for_signal() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(signal())
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    std::future::poll_fn(|context| {
        for ending in [&mut terminate, &mut hang_up, &mut interrupt] {
            if ending.poll_recv(context).is_ready() {
                return std::task::Poll::Ready(());
            }
        }
        std::task::Poll::Pending
    })
    .await;
    Ok(())
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// A panic elsewhere must not keep the server alive.
fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_a_whole_line_only() {
        assert_eq!(announced(b"starting\nlistening on http://127.0.0.1:50"), None);
        assert_eq!(
            announced(b"2026 INFO listening on http://127.0.0.1:5012\n"),
            Some("127.0.0.1:5012".to_owned())
        );
        assert_eq!(
            announced(b"\x1b[32mINFO\x1b[0m listening on http://127.0.0.1:5012\x1b[0m\n"),
            Some("127.0.0.1:5012".to_owned())
        );
        assert_eq!(announced(b"error: no such directory\n"), None);
    }
}
