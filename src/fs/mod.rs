//! File access: paths that follow no symbolic link, and failpoints for tests.
//!
//! Must not know what is stored.

pub(crate) mod failpoints;
pub(crate) mod nofollow;
