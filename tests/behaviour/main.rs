//! What the program does, seen from outside; one file per behaviour.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod cli_demo;
mod cli_local;
mod cli_passwd;
mod store_crash;
mod store_layout;
mod store_parallel;
