//! The real binary on a free port, and a client that writes what Moodle writes.

mod client;
mod data;
mod server;
mod tools;

pub use client::{Form, Reply, Request};
pub use data::{labelled, labelled_with_classes, shared, unlabelled};
pub use server::{Launch, TestServer};
pub use tools::{find, free_port, tool, untouched};
