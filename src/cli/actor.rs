//! The user of this machine who runs a command, for the audit trail and for messages.
//!
//! Must not know what the command does.

use std::fs;

use crate::audit::{Actor, Operation, Subject};

/// An operation for the user who runs this command.
pub(super) fn operation(operation: Operation) -> Subject {
    let user = rustix::process::geteuid().as_raw();
    Subject::new(operation, Actor::local(name_of(user).unwrap_or_else(|| format!("#{user}"))))
}

/// The name of a user; `None` for a number without one.
pub(super) fn name_of(user: u32) -> Option<String> {
    let list = fs::read_to_string("/etc/passwd").ok()?;
    let number = user.to_string();
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}
