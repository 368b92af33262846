//! The behaviour of the real binary, over real connections. One file per behaviour.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should report it and stop")]

#[path = "../common/mod.rs"]
mod common;

#[path = "../../fuzz/targets.rs"]
mod fuzz_targets;

mod any_bytes;
mod authentication;
mod calibration;
mod cli_check;
mod cli_demo;
mod cli_local;
mod cli_migrate;
mod cli_passwd;
mod cli_rights;
mod crowds;
mod dataset_files;
mod foreign_models;
mod fuzz_corpus;
mod golden_predictions;
mod hardening;
mod hostile_archives;
mod hostile_data;
mod hostile_models;
mod import_attacks;
mod incremental;
mod inspect;
mod install_guide;
mod isolation;
mod learning_quality;
mod limits;
mod log_lines;
mod memory;
mod methods_and_paths;
mod migrate_crash;
mod moodle_cases;
mod never_lose_faults;
mod never_lose_kills;
mod no_secrets;
mod older_versions;
mod parameters;
mod planted_links;
mod promises;
mod proxy_nginx;
mod python_onnxruntime;
mod python_server;
mod python_server_hostile;
mod python_server_in_place;
mod python_tensorboard;
mod recorded_data;
mod retention;
mod rezipped_exports;
mod route_deletemodel;
mod route_evaluation;
mod route_export_import;
mod route_parallel;
mod route_prediction;
mod route_serial;
mod route_training;
mod route_wire;
mod sent_ahead;
mod shipped_models;
mod slow_clients;
mod soak;
mod start;
mod stash;
mod stopping;
mod store_crash;
mod store_layout;
mod store_parallel;
mod throttling;
mod tools;
mod translated_operators;
mod uploads;
mod version;
