//! Authentication: users, their passwords, throttling of failed logins, and sessions of browsers.
//!
//! Owns the format of the users variable, password hashing, the count of failures, and the keys and tokens of sessions. Must not know HTTP.

mod argon2id;
mod corrections;
mod entry;
mod error;
mod secret;
pub mod session;
pub(crate) mod session_file;
pub mod session_keys;
mod suspicion;
pub mod throttle;
mod user_name;
pub mod users;
mod weak_password;

pub use argon2id::argon2id_entry;
pub use corrections::Correction;
pub use error::UsersError;
pub use suspicion::Suspicion;
pub use throttle::{Throttle, Wait};
pub use users::Users;
pub use weak_password::Weakness;
