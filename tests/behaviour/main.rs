//! How the server behaves, seen from outside: the real binary, over real connections. One file per
//! behaviour.

#[path = "../common/mod.rs"]
mod common;

mod any_bytes;
mod authentication;
mod methods_and_paths;
mod parameters;
mod route_deletemodel;
mod route_evaluation;
mod route_export_import;
mod route_parallel;
mod route_prediction;
mod route_training;
mod route_wire;
mod start;
mod stash;
mod tools;
mod uploads;
mod version;
