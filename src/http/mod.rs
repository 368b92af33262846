//! The eight routes that Moodle calls: who is it, what do they ask, is it small
//! enough? What comes out is a typed request for [`crate::backend`].
//!
//! Must not know how a dataset is read, what a model is or how it is kept.

mod application;
pub(crate) mod connection;
mod debug_copy;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod middleware;
mod routes;
mod shutdown;
pub(crate) mod spool;
mod startup_warnings;
pub(crate) mod state;
pub(crate) mod uploads;

pub use application::{Application, serve};
pub use error::StartError;
