//! Connections that have sent no request yet.
//!
//! Owns their number. A server that hands its sockets over waits for their first requests: otherwise it would close
//! connections whose requests are on their way. Must not know how connections are accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of connections without a request; clones share it.
#[derive(Clone, Default)]
pub(crate) struct NewConnections(Arc<AtomicUsize>);

/// A connection without a request; it is counted until this is dropped.
pub(crate) struct NewConnection(NewConnections);

impl NewConnections {
    /// Counts a connection.
    pub(crate) fn count(&self) -> NewConnection {
        self.0.fetch_add(1, Ordering::SeqCst);
        NewConnection(self.clone())
    }

    /// Whether all connections have sent a request.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

impl Drop for NewConnection {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
