//! A machine-learning backend for Moodle analytics: trains, evaluates and predicts on the datasets that Moodle sends, and
//! stores the models.
//!
//! A request passes through `http` or `cli`, [`backend`], [`dataset`], [`learning`], [`model`] and [`store`]. [`dataset`]
//! and [`learning`] are usable as a library on their own.

pub mod audit;
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
mod queue;
pub mod report;
pub mod store;
pub mod telemetry;
pub mod units;

pub use learner::{dataset, learning, model, python_server_files, text};
