//! The HTTP server: the routes that Moodle calls, and the checks before them. A request that is authenticated and
//! within the limits becomes a typed call of [`crate::backend`].
//!
//! Must not know how a dataset is read, what a model is or how it is stored.

mod application;
mod async_jobs;
mod audit;
pub(crate) mod connection;
mod dashboard;
mod debug_copy;
mod disk_quota;
pub(crate) mod error;
pub(crate) mod extract;
mod long_reply;
pub(crate) mod middleware;
mod monitoring;
mod openapi;
mod operations;
mod problem;
mod reload;
mod response;
mod routes;
mod service_manager;
mod shutdown;
mod startup_warnings;
pub(crate) mod state;
pub(crate) mod uploads;
mod worker;

pub use application::serve;
pub use worker::work;
