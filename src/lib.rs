//! A machine-learning backend for Moodle analytics: it trains, evaluates and
//! predicts on the datasets that Moodle sends, and keeps the models.
//!
//! Data flows one way: `http` or `cli` → [`backend`] → [`dataset`] →
//! [`learning`] → [`model`] → [`store`], and a reply goes back.
//! [`dataset`] and [`learning`] are usable as a library on their own.

pub mod backend;
mod beneath;
pub mod cli;
pub mod dataset;
mod faults;
pub mod http;
pub mod learning;
pub mod model;
pub mod report;
pub mod settings;
pub mod store;
