//! The question before a command changes what cannot be restored.
//!
//! Must not know what the change is.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

/// The answer to a question on a terminal; `None` where there is no terminal to ask on.
pub(super) fn confirmed(question: &str) -> Option<bool> {
    if !stdin().is_terminal() {
        return None;
    }
    eprint!("{question} [y/N] ");
    let _ = stderr().flush();
    let mut answer = String::new();
    stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}
