//! The command line.

pub mod demo;
pub mod local;
pub mod passwd;
