//! Backpressure: no bytes are read from a client while a response is pending, unless its request's body is needed.
//!
//! Owns how much may be read from the client now. Must not know how a stream is read, nor what a request means.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use futures_util::{Stream, StreamExt, stream};

use super::new_connections::NewConnection;

/// Bytes read at once while no body is read: enough for most heads, and at most some dozens of tiny ones.
pub(crate) const HEAD_READ_BYTES: usize = 1024;

/// The state that a connection and the request in progress share.
#[derive(Clone, Default)]
pub(crate) struct ReadGate(Rc<Shared>);

#[derive(Default)]
struct Shared {
    state: Cell<State>,
    /// Wakes the task that reads the stream when the state changes.
    waker: RefCell<Option<Waker>>,
    /// Counts the connection until its first request.
    new: RefCell<Option<NewConnection>>,
}

/// What the connection is doing.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    /// Whether a response is pending.
    pub(crate) response_pending: bool,
    /// Whether the request waits for more of its body.
    needs_body: bool,
    /// Bytes that may be read while it does not: a body may end a little after its last part.
    after_body: usize,
    /// Whether a response waits for the client to read it.
    write_blocked: bool,
    /// The number of requests so far.
    pub(crate) requests: u64,
}

impl State {
    /// How many bytes may be read now.
    pub(crate) fn read_budget(self) -> usize {
        match self {
            Self { write_blocked: true, .. } => 0,
            Self { needs_body: true, .. } => usize::MAX,
            Self { response_pending: true, after_body, .. } => after_body,
            _ => HEAD_READ_BYTES,
        }
    }
}

/// The response to a request is pending until this is dropped.
pub(crate) struct ResponsePending(ReadGate);

impl ReadGate {
    /// The gate of a connection that is counted until its first request.
    pub(crate) fn of(new: NewConnection) -> Self {
        let read_gate = Self::default();
        read_gate.0.new.replace(Some(new));
        read_gate
    }

    /// A request begins.
    pub(crate) fn begin(&self) -> ResponsePending {
        let state = self.state();
        let requests = state.requests + 1;
        self.0.state.set(State {
            response_pending: true,
            needs_body: false,
            after_body: 0,
            requests,
            ..state
        });
        self.0.new.take();
        ResponsePending(self.clone())
    }

    /// Notes whether a response waits for the client to read it.
    pub(crate) fn set_write_blocked(&self, write_blocked: bool) {
        let state = self.state();
        if write_blocked == state.write_blocked {
            return;
        }
        self.0.state.set(State { write_blocked, ..state });
        if !write_blocked {
            self.wake();
        }
    }

    /// Notes whether the request waits for more of its body.
    pub(crate) fn set_needs_body(&self, needs_body: bool) {
        let state = self.state();
        if needs_body && !state.needs_body {
            self.set(State { needs_body, ..state });
        } else if !needs_body {
            self.0.state.set(State { needs_body, after_body: HEAD_READ_BYTES, ..state });
        }
    }

    /// Counts bytes that were read from the client.
    pub(crate) fn count(&self, bytes: usize) {
        let state = self.state();
        self.0.state.set(State { after_body: state.after_body.saturating_sub(bytes), ..state });
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.get()
    }

    fn set(&self, state: State) {
        self.0.state.set(state);
        self.wake();
    }

    /// Wakes the task that waits for a change.
    fn wake(&self) {
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    /// Wakes this task when the state changes.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        self.0.waker.replace(Some(cx.waker().clone()));
    }
}

impl Drop for ResponsePending {
    fn drop(&mut self) {
        self.0.set(State { response_pending: false, needs_body: false, ..self.0.state() });
    }
}

/// The chunks of a body. The gate is open for the body while a chunk is awaited.
pub(crate) fn gated<T>(
    read_gate: Option<ReadGate>,
    mut chunks: impl Stream<Item = T> + Unpin,
) -> impl Stream<Item = T> + Unpin {
    stream::poll_fn(move |cx| {
        let polled = chunks.poll_next_unpin(cx);
        if let Some(read_gate) = &read_gate {
            read_gate.set_needs_body(polled.is_pending());
        }
        polled
    })
}
