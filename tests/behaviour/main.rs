//! What the program does, seen from outside: the real binary, over real connections. One file per
//! behaviour.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

#[path = "../common/mod.rs"]
mod common;

mod any_bytes;
mod authentication;
mod cli_demo;
mod cli_local;
mod cli_passwd;
mod dataset_files;
mod hostile_data;
mod incremental;
mod install_guide;
mod learning_quality;
mod methods_and_paths;
mod moodle_cases;
mod parameters;
mod proxy_nginx;
mod recorded_data;
mod route_deletemodel;
mod route_evaluation;
mod route_export_import;
mod route_parallel;
mod route_prediction;
mod route_training;
mod route_wire;
mod start;
mod stash;
mod store_crash;
mod store_layout;
mod store_parallel;
mod tools;
mod uploads;
mod version;
