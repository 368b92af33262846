//! The routes about stored models, for tools of an administrator: Moodle does not use them.
//!
//! Their errors are problem details (`http/problem.rs`). An id in a path is compared exactly, unlike in Moodle's routes, which
//! delete characters.

pub(in crate::http) mod audit_bundle;
pub(in crate::http) mod detail;
pub(in crate::http) mod list;
pub(in crate::http) mod path;
pub(in crate::http) mod query;
pub(in crate::http) mod rollback;
pub(in crate::http) mod samples;
pub(in crate::http) mod view;
