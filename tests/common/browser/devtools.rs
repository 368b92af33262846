//! Chromium's `DevTools` protocol over a pair of pipes: JSON messages, each of which ends with a NUL byte.
//!
//! Owns the browser's process, its profile, and matching replies to calls. No crate: `chromiumoxide` and `headless_chrome` bring
//! tens of thousands of generated lines and a websocket on a port, and `WebDriver` reports neither console messages nor
//! requests. The pipes need only JSON; a browser whose pipes are closed ends by itself, also when the test is killed. Must not
//! know what a page is.
#![allow(clippy::disallowed_methods, reason = "these tests prepare files of their own")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::tools::{TIMEOUT, untouched};

/// The browser reads messages from descriptor 3 and writes to 4, which the shell makes of its standard streams.
const PIPES: &str = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// Runs as root, as CI does (no sandbox), and reaches no other machine.
const ARGUMENTS: [&str; 17] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-startup-window",
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-proxy-server",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/// A running browser, killed on drop.
pub(super) struct DevTools {
    child: Child,
    writer: Arc<Mutex<ChildStdin>>,
    received: Arc<Received>,
    next_id: AtomicU64,
    profile: TempDir,
}

#[derive(Default)]
struct Received {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    replies: HashMap<u64, Value>,
    /// The events of each session, in order.
    events: HashMap<String, Vec<Value>>,
    has_ended: bool,
}

impl Received {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DevTools {
    /// Starts the browser with a new profile.
    pub(super) fn launch(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let log = File::create(profile.path().join("stderr")).expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", PIPES, "sh"]).arg(program).args(ARGUMENTS);
        command.arg(format!("--user-data-dir={}", profile.path().join("profile").display()));
        // Downloads, caches and settings of this user stay out of it.
        command.env("HOME", profile.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // A group of its own: the browser is several processes.
        let mut child = untouched(&mut command).process_group(0).spawn().expect("a shell");
        let writer = Arc::new(Mutex::new(child.stdin.take().expect("a pipe")));
        let received = Arc::new(Received::default());
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (to, answers) = (Arc::clone(&received), Arc::clone(&writer));
        thread::spawn(move || receive(output, &to, &answers));
        Self { child, writer, received, next_id: AtomicU64::new(1), profile }
    }

    /// A directory that is removed with the browser.
    pub(super) fn directory(&self) -> PathBuf {
        self.profile.path().to_owned()
    }

    /// Calls a method of the browser, or of a session, and returns its result.
    #[track_caller]
    pub(super) fn call(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.try_call(session, method, params).unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// The same; the error is the browser's.
    pub(super) fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, String> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        // If it has ended, so has the reader, and the wait below says so.
        let _ = send(&self.writer, &message);
        let mut reply = self.wait(method, |state| state.replies.remove(&id));
        match reply.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(reply["result"].take()),
        }
    }

    /// The events of a session so far.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        self.received.lock().events.get(session).cloned().unwrap_or_default()
    }

    /// Waits for an event of a session after the first `seen` ones.
    #[track_caller]
    pub(super) fn wait_for_event(&self, session: &str, seen: usize, method: &str) {
        self.wait(method, |state| {
            let events = state.events.get(session)?;
            events.iter().skip(seen).find(|event| event["method"] == method).map(|_| ())
        });
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut take: impl FnMut(&mut State) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut state = self.received.lock();
        loop {
            if let Some(taken) = take(&mut state) {
                return taken;
            }
            assert!(!state.has_ended, "the browser has ended: {}", self.stderr());
            let left = TIMEOUT.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "timeout while waiting for {what}");
            let waited = self.received.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.profile.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for DevTools {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn send(writer: &Mutex<ChildStdin>, message: &Value) -> std::io::Result<()> {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.write_all(format!("{message}\0").as_bytes())?;
    writer.flush()
}

fn receive(mut output: impl BufRead, received: &Received, writer: &Mutex<ChildStdin>) {
    let mut bytes = Vec::new();
    while output.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).expect("the browser writes JSON");
        bytes.clear();
        if message["method"] == "Page.javascriptDialogOpening" {
            // A dialog stops its page. The event stays, as a finding of the test.
            let params = json!({"accept": false});
            let answer = json!({"id": 0, "sessionId": message["sessionId"],
                                "method": "Page.handleJavaScriptDialog", "params": params});
            let _ = send(writer, &answer);
        }
        let mut state = received.lock();
        if let Some(id) = message["id"].as_u64() {
            state.replies.insert(id, message);
        } else {
            let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
            state.events.entry(session).or_default().push(message);
        }
        received.changed.notify_all();
    }
    received.lock().has_ended = true;
    received.changed.notify_all();
}
