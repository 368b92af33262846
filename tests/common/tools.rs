//! Other programs of an administrator's machine, free ports, namespaces, and waiting for conditions.
//!
//! Must not know the program that is tested.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::skip::skip;

/// Below the range that the system assigns to connections and to servers on port 0, so that no other test can take a
/// port between its choice and its use.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;

/// The path of a program; where it is not installed, reports a skipped test and returns `None`.
pub fn tool(test: &str, name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(test, &format!("{name} is not installed"));
    }
    found
}

/// The path of a program. Debian puts servers into /usr/sbin, which is not on every user's PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories =
        env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    directories.map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// Removes settings of this machine: proxies, and variables of a server that is configured outside the tests.
pub fn untouched(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if text.starts_with("moodle_") || text.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// A port of the loopback interface without a listener.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = std::process::id() * 37 % u32::from(PORTS);
    for _ in 0..PORTS {
        let offset = (process + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(offset).expect("less than the number of ports");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST_PORT} on")
}

/// A command that runs its arguments in new namespaces, such as `--net`; where this user may not create them, reports a
/// skipped test and returns `None`.
pub fn namespaces(test: &str, kinds: &[&str]) -> Option<Command> {
    let unshare = tool(test, "unshare")?;
    // With user namespaces, every user may create them; without, only root.
    let attempts: [&[&str]; 2] = [&["--user", "--map-root-user"], &[]];
    for options in attempts {
        let command = || {
            let mut command = Command::new(&unshare);
            command.args(options).args(kinds);
            command
        };
        if command().arg("true").output().is_ok_and(|output| output.status.success()) {
            return Some(command());
        }
    }
    skip(test, "this user may not create namespaces");
    None
}

/// Far longer than any condition takes, so that a test never hangs.
pub(super) const TIMEOUT: Duration = Duration::from_mins(2);

/// Waits until a condition holds.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < TIMEOUT, "timeout while waiting until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Repeats an action in another thread until the work has finished or panicked.
pub fn repeat_during<T>(mut action: impl FnMut() + Send, work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                action();
            }
        });
        let _end = SetOnDrop(&is_over);
        work()
    })
}

/// Sets a flag even when the work panics: otherwise the scope would never end.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
