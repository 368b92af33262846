//! The eight routes that Moodle calls: who is it, what do they ask, is it small
//! enough? What comes out is a typed request for [`crate::backend`].
//!
//! Must not know how a dataset is read, what a model is or how it is kept.

mod address;
mod attention;
mod auth;
mod caller;
mod caution;
mod connection;
mod crowd;
#[doc(hidden)]
pub mod doors;
mod error;
mod form;
mod head;
mod listening;
mod logging;
mod methods;
mod observe;
mod pace;
mod params;
mod pool;
pub mod proxies;
mod routes;
mod spool;
mod startup;
mod stash;
mod state;
mod stopping;
mod throttle;
mod upload;
pub mod users;

pub use error::StartError;
pub use startup::{Application, serve};
