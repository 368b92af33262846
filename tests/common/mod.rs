//! The real binary on a free port, and a client that writes what Moodle writes; a model driven
//! through the library; datasets.

mod client;
mod data;
mod home;
mod hostile;
mod server;
mod table;
mod tools;

pub use client::{Form, Reply, Request};
pub use data::{labelled, labelled_with_classes, shared, unlabelled};
pub use home::{Answer, Home};
pub use hostile::{SHAPES, hostile, hostile_and_large};
pub use server::{Launch, TestServer};
pub use table::{Dice, Table, waves};
pub use tools::{find, free_port, tool, untouched};
