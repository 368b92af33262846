//! Authentication: users, their passwords, and throttling of failed logins.
//!
//! Owns the format of the users variable, password hashing and the count of failures. Must not know HTTP.

mod argon2id;
mod corrections;
mod entry;
mod error;
mod secret;
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
