//! Programs that an administrator has beside ours, and waiting for what others do.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::skip::skip;

/// Below the ports that the system gives to connections and to servers that ask for port 0, so that
/// no other test can take a port between its choice and its use.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;

/// Where a program is; `None`, and a visible word about it, where it is not installed.
pub fn tool(test: &str, name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(test, &format!("{name} is not installed"));
    }
    found
}

/// Where a program is. Debian puts servers into /usr/sbin, which is not on everybody's path.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    places.map(|place| place.join(name)).find(|file| file.is_file())
}

/// Takes the settings of this machine away: proxies, and a server that is configured around the test.
pub fn untouched(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if text.starts_with("moodle_") || text.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// A port of loopback that nobody listens on.
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

/// A command that runs the program after it in namespaces of its own, such as `--net`; `None`, with a word, where
/// this user may not.
pub fn namespaces(test: &str, kinds: &[&str]) -> Option<Command> {
    let unshare = tool(test, "unshare")?;
    let command = |owner: &[&str]| {
        let mut command = Command::new(&unshare);
        command.args(owner).args(kinds);
        command
    };
    // Everybody may where namespaces belong to who makes them; root may also where they do not.
    let owners: [&[&str]; 2] = [&["--user", "--map-root-user"], &[]];
    let may = |owner: &&&[&str]| command(owner).arg("true").output().is_ok_and(|done| done.status.success());
    let owner = owners.iter().find(may);
    if owner.is_none() {
        skip(test, "this user may not make namespaces");
    }
    owner.map(|owner| command(owner))
}

/// Far beyond what anything that is waited for takes; a test must not hang for ever.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits for what must come true some time.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never came true that {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Does one thing over and over in another thread as long as something else is done, also when that panics.
pub fn meanwhile<T>(mut again: impl FnMut() + Send, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                again();
            }
        });
        let _end = RaisedAtTheEnd(&over);
        work()
    })
}

/// Without it, a test that fails would leave a thread that goes on, and wait for it for ever.
struct RaisedAtTheEnd<'a>(&'a AtomicBool);

impl Drop for RaisedAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
