//! Failpoints: named places before disk operations where tests inject a fault.
//!
//! They exist in builds with debug assertions only; in a release, [`failpoint`] does nothing. A unit test arms a fault
//! for its own thread. A test of the whole program names a file in `MLBACKEND_TEST_FAULTS` and writes one of these
//! commands into it:
//!
//! - `28 5`: let five failpoints pass, then fail with the system's error 28
//! - `die 5`: abort the process there
//! - `panic 5`: panic there
//! - `hold write a report`: wait at this failpoint until a file with the extension `.go` exists
//!
//! The name of the failpoint is then appended to the file with the extension `.fired`. Must not know what the
//! operations are for.

#[cfg(debug_assertions)]
pub(crate) use armed::failpoint;

#[cfg(not(debug_assertions))]
#[allow(clippy::unnecessary_wraps, reason = "it can fail in builds with debug assertions")]
pub(crate) const fn failpoint(_name: &'static str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(debug_assertions)]
pub(crate) use armed::{Fault, arm, disarm};

#[cfg(debug_assertions)]
mod armed {
    use std::cell::Cell;
    use std::fs::{self, OpenOptions};
    use std::io::{self, Write};
    use std::path::{Path, PathBuf};
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::thread;
    use std::time::Duration;

    /// The environment variable with the path of the command file.
    const VARIABLE: &str = "MLBACKEND_TEST_FAULTS";

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// An error number of the system.
        Error(i32),
        Abort,
        Panic,
    }

    /// A fault, and the number of failpoints that pass before it.
    type Armed = Option<(u32, Fault)>;

    struct Commands {
        armed: Armed,
        /// The failpoint that waits.
        held: Option<String>,
    }

    thread_local! {
        static THREAD: Cell<Armed> = const { Cell::new(None) };
    }

    static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    static PROCESS: Mutex<Commands> = Mutex::new(Commands { armed: None, held: None });

    /// Call it before a disk operation. An armed fault occurs once.
    pub(crate) fn failpoint(name: &'static str) -> io::Result<()> {
        let mut armed = THREAD.get();
        let due = count_down(&mut armed);
        THREAD.set(armed);
        if let Some(fault) = due {
            return occur(fault);
        }
        let Some(file) = &*FILE else { return Ok(()) };
        let mut commands = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(command) = fs::read_to_string(file) {
            let _ = fs::remove_file(file);
            match command.trim().strip_prefix("hold ") {
                Some(name) => commands.held = Some(name.to_owned()),
                None => commands.armed = parse(&command),
            }
        }
        if commands.held.as_deref() == Some(name) {
            commands.held = None;
            drop(commands);
            record(file, name);
            while !file.with_extension("go").exists() {
                thread::sleep(Duration::from_millis(10));
            }
            return Ok(());
        }
        let due = count_down(&mut commands.armed);
        drop(commands);
        let Some(fault) = due else { return Ok(()) };
        record(file, name);
        occur(fault)
    }

    fn record(file: &Path, name: &str) {
        let fired = OpenOptions::new().create(true).append(true).open(file.with_extension("fired"));
        let _ = fired.and_then(|mut fired| writeln!(fired, "{name}"));
    }

    /// Counts one failpoint; takes and returns the fault if it occurs at this one.
    fn count_down(armed: &mut Armed) -> Option<Fault> {
        match armed {
            Some((0, _)) => armed.take().map(|(_, fault)| fault),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    fn occur(fault: Fault) -> io::Result<()> {
        match fault {
            Fault::Error(number) => Err(io::Error::from_raw_os_error(number)),
            Fault::Abort => std::process::abort(),
            Fault::Panic => panic!("a test injected this panic"),
        }
    }

    fn parse(command: &str) -> Armed {
        let (fault, passes) = command.trim().split_once(' ')?;
        let fault = match fault {
            "die" => Fault::Abort,
            "panic" => Fault::Panic,
            number => Fault::Error(number.parse().ok()?),
        };
        Some((passes.parse().ok()?, fault))
    }

    /// Injects a fault into this thread after `passes` failpoints.
    #[cfg(test)]
    pub(crate) fn arm(passes: u32, fault: Fault) {
        THREAD.set(Some((passes, fault)));
    }

    /// Removes the fault of this thread; returns whether it had not occurred yet.
    #[cfg(test)]
    pub(crate) fn disarm() -> bool {
        THREAD.take().is_some()
    }
}
