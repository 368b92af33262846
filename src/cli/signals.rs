//! The signals that end a command early: Ctrl-C, SIGTERM and the end of the terminal's session.
//!
//! Must not know what a command has to clean up.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tokio::signal::unix::{SignalKind, signal};

use super::exit_code::Exit;

/// Waits for one of these signals. From the call on, they do not end the program by themselves.
pub(super) fn wait() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

/// What is to be done before a signal ends the program.
type CleanUp = Box<dyn FnOnce() + Send>;

static CLEAN_UPS: Mutex<Vec<CleanUp>> = Mutex::new(Vec::new());
static THREAD: Once = Once::new();

/// Runs `clean_up`, and those of earlier calls, and ends the program if one of these signals arrives.
pub(super) fn clean_up_when_interrupted(clean_up: impl FnOnce() + Send + 'static) {
    lock().push(Box::new(clean_up));
    THREAD.call_once(|| {
        std::thread::spawn(|| {
            if wait().is_ok() {
                lock().drain(..).for_each(|clean_up| clean_up());
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        });
    });
}

/// A panic in another thread must not keep the files.
fn lock() -> MutexGuard<'static, Vec<CleanUp>> {
    CLEAN_UPS.lock().unwrap_or_else(PoisonError::into_inner)
}
