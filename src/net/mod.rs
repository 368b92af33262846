//! The origin of connections: client networks, trusted proxies and the connection limit per client.
//!
//! Owns addresses and counts. Must not know what a request is about.

pub(crate) mod client_network;
pub(crate) mod per_client_limit;
pub mod trusted_proxies;

pub use trusted_proxies::TrustedProxies;
