//! Records the file operations of a thread, so that tests can work out what a power failure leaves of them.
//!
//! In unit tests only; otherwise [`record`] does nothing. Must not know what the operations are for.

use std::path::PathBuf;

/// A change of the file system, or the end of a sync. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests read it"))]
pub(crate) enum Operation {
    CreateFile(PathBuf),
    CreateDirectory(PathBuf),
    /// The whole content of a file.
    Write(PathBuf, Vec<u8>),
    SyncFile(PathBuf),
    SyncDirectory(PathBuf),
    Rename(PathBuf, PathBuf),
    Exchange(PathBuf, PathBuf),
    /// Of a directory with everything below it.
    Remove(PathBuf),
}

/// Call it after an operation that succeeded.
#[cfg(not(test))]
#[inline]
pub(crate) fn record(_: impl FnOnce() -> Operation) {}

#[cfg(test)]
pub(crate) use tests::{record, recorded};

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::Operation;

    thread_local! {
        static RECORDED: RefCell<Option<Vec<Operation>>> = const { RefCell::new(None) };
    }

    pub(crate) fn record(operation: impl FnOnce() -> Operation) {
        RECORDED.with_borrow_mut(|recorded| {
            if let Some(recorded) = recorded {
                recorded.push(operation());
            }
        });
    }

    /// What `run` returns, and the operations of this thread in it.
    pub(crate) fn recorded<T>(run: impl FnOnce() -> T) -> (T, Vec<Operation>) {
        RECORDED.set(Some(Vec::new()));
        let value = run();
        (value, RECORDED.take().unwrap_or_default())
    }
}
