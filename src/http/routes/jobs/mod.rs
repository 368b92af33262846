//! The routes about asynchronous jobs, for clients that do not wait for a result.
//!
//! Their errors are problem details (`http/problem.rs`).

pub(in crate::http) mod job;
pub(in crate::http) mod list;
mod query;
mod view;
