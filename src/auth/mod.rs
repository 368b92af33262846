//! Who may use the server: users, their passwords, and throttling of failed logins.
//!
//! Owns the users variable's format, password hashing and the count of failures. Must not know HTTP.

mod argon2id;
mod entry;
mod secret;
pub mod throttle;
pub mod users;
mod weak_password;

pub use argon2id::argon2id_entry;
pub use throttle::{Throttle, Wait};
pub use users::{Users, UsersError};
pub use weak_password::Weakness;
