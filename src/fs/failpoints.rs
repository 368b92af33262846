//! Lets tests make any single step on the disk fail, or be the last one of the process.
//!
//! Only builds with debug assertions have it, which no release has: there a step is nothing at all. It
//! knows nothing of what the steps are for; each says its name. Two ways to order a fault: a unit test
//! arms its own thread; a test of the whole program names a file in `MLBACKEND_TEST_FAULTS` and writes an
//! order into it, such as `28 5`: let five steps pass, then one fail with the system's error 28. `die 5`
//! lets the process end there, as kill -9 does; `panic 5` is a mistake in the program; `hold write a report`
//! lets that step wait until there is a file of the same name with the ending `.go`. What happened, and at
//! which step, is then in a file of the same name with the ending `.fired`.

#[cfg(debug_assertions)]
pub(crate) use armed::failpoint;

/// One step on the disk.
#[cfg(not(debug_assertions))]
#[allow(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(crate) const fn failpoint(_name: &'static str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(debug_assertions)]
pub(crate) use armed::{Fault, arm, was_spared};

#[cfg(debug_assertions)]
mod armed {
    use std::cell::Cell;
    use std::fs::{self, OpenOptions};
    use std::io::{self, Write};
    use std::path::{Path, PathBuf};
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::thread;
    use std::time::Duration;

    /// Names the file with orders.
    const ORDERS: &str = "MLBACKEND_TEST_FAULTS";

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// The system's number of an error.
        Error(i32),
        /// The end of the process, with nothing tidied up.
        Death,
        /// A mistake in the program.
        Panic,
    }

    /// After this many more steps.
    type Armed = Option<(u32, Fault)>;

    thread_local! {
        static AHEAD: Cell<Armed> = const { Cell::new(None) };
    }

    static FILE: LazyLock<Option<PathBuf>> = LazyLock::new(|| std::env::var_os(ORDERS).map(PathBuf::from));
    static EVERYWHERE: Mutex<Armed> = Mutex::new(None);
    /// The name of the step that is to wait.
    static HELD: Mutex<Option<String>> = Mutex::new(None);

    /// One step on the disk. A fault happens once.
    pub(crate) fn failpoint(name: &'static str) -> io::Result<()> {
        if let Some(fault) = due(AHEAD.take(), |later| AHEAD.set(later)) {
            return happen(fault);
        }
        let Some(file) = &*FILE else { return Ok(()) };
        let mut armed = EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(order) = fs::read_to_string(file) {
            let _ = fs::remove_file(file);
            match order.trim().strip_prefix("hold ") {
                Some(step) => *held = Some(step.to_owned()),
                None => *armed = parse(&order),
            }
        }
        if held.as_deref() == Some(name) {
            *held = None;
            drop((armed, held));
            note(file, name);
            wait_for(&file.with_extension("go"));
            return Ok(());
        }
        let Some(fault) = due(armed.take(), |later| *armed = later) else { return Ok(()) };
        drop((armed, held));
        note(file, name);
        happen(fault)
    }

    /// Says which step it was.
    fn note(file: &Path, name: &str) {
        let fired = OpenOptions::new().create(true).append(true).open(file.with_extension("fired"));
        let _ = fired.and_then(|mut fired| writeln!(fired, "{name}"));
    }

    fn wait_for(file: &Path) {
        while !file.exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn due(armed: Armed, put_back: impl FnOnce(Armed)) -> Option<Fault> {
        match armed? {
            (0, fault) => Some(fault),
            (steps, fault) => {
                put_back(Some((steps - 1, fault)));
                None
            }
        }
    }

    fn happen(fault: Fault) -> io::Result<()> {
        match fault {
            Fault::Error(number) => Err(io::Error::from_raw_os_error(number)),
            Fault::Death => std::process::abort(),
            Fault::Panic => panic!("a test ordered this"),
        }
    }

    fn parse(order: &str) -> Armed {
        let (what, steps) = order.trim().split_once(' ')?;
        let fault = match what {
            "die" => Fault::Death,
            "panic" => Fault::Panic,
            number => Fault::Error(number.parse().ok()?),
        };
        Some((steps.parse().ok()?, fault))
    }

    /// Lets `steps` steps of this thread succeed and then the fault happen.
    #[cfg(test)]
    pub(crate) fn arm(steps: u32, fault: Fault) {
        AHEAD.set(Some((steps, fault)));
    }

    /// Whether the fault never came.
    #[cfg(test)]
    pub(crate) fn was_spared() -> bool {
        AHEAD.take().is_some()
    }
}
