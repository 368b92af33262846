//! The signals that end a command early: Ctrl-C, SIGTERM and the end of the terminal's session.
//!
//! Must not know what a command has to clean up.

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

/// Runs `clean_up` and ends the program if one of these signals arrives.
pub(super) fn clean_up_when_interrupted(clean_up: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        if wait().is_ok() {
            clean_up();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    });
}
