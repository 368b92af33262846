//! A machine-learning backend for Moodle analytics: it trains, evaluates and
//! predicts on the datasets that Moodle sends, and keeps the models.
//!
//! Data flows one way: `http` or `cli` → [`backend`] → [`dataset`] →
//! [`learning`] → [`model`] → [`store`], and a reply goes back.
//! [`dataset`] and [`learning`] are usable as a library on their own.

pub mod auth;
pub mod backend;
pub mod cli;
pub mod config;
mod fs;
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
mod jobs;
pub mod net;
pub mod report;
pub mod store;
pub mod telemetry;
pub mod units;

pub use learner::{dataset, learning, model, python_server_files, text};
