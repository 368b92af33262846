//! What a connection and the request that is worked on know of each other.
//!
//! Owns how much may be taken from the client now. Must not know how a stream is read, nor what a request is about.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use futures_util::{Stream, StreamExt, stream};

/// What is taken at once from a client while no body is read: most heads, and at most some dozens of tiny ones.
pub(crate) const PIECE: usize = 1024;

/// Whether somebody works on a request of the connection; the watched stream and the request share it.
#[derive(Clone, Default)]
pub(crate) struct ReadGate(Rc<Shared>);

#[derive(Default)]
struct Shared {
    state: Cell<State>,
    /// Who is to look at the stream again when the state has changed.
    waiting: RefCell<Option<Waker>>,
}

/// What goes on.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    pub(crate) working: bool,
    /// Whether that waits for more of the body.
    needs_body: bool,
    /// How much may still come when it does not: a body may end a little later than what matters of it.
    rest: usize,
    /// How many there have been.
    pub(crate) requests: u64,
}

impl State {
    /// How many bytes may be taken now.
    pub(crate) fn room(self) -> usize {
        match self {
            Self { needs_body: true, .. } => usize::MAX,
            Self { working: true, rest, .. } => rest,
            _ => PIECE,
        }
    }
}

/// A request of the connection is worked on as long as this is held.
pub(crate) struct Working(ReadGate);

impl ReadGate {
    /// The work on a request begins.
    pub(crate) fn begin(&self) -> Working {
        let requests = self.state().requests + 1;
        self.0.state.set(State { working: true, needs_body: false, rest: 0, requests });
        Working(self.clone())
    }

    /// Whether the one who works on it waits for more of its body.
    pub(crate) fn waits_for_body(&self, waits: bool) {
        let state = self.state();
        if waits && !state.needs_body {
            self.set(State { needs_body: true, ..state });
        } else if !waits {
            self.0.state.set(State { needs_body: false, rest: PIECE, ..state });
        }
    }

    /// So much was taken from the client.
    pub(crate) fn took(&self, bytes: usize) {
        let state = self.state();
        self.0.state.set(State { rest: state.rest.saturating_sub(bytes), ..state });
    }

    pub(crate) fn state(&self) -> State {
        self.0.state.get()
    }

    fn set(&self, state: State) {
        self.0.state.set(state);
        self.wake();
    }

    /// Who waits looks again.
    pub(crate) fn wake(&self) {
        if let Some(waiting) = self.0.waiting.take() {
            waiting.wake();
        }
    }

    /// Looks again when the state has changed.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        self.0.waiting.replace(Some(cx.waker().clone()));
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.set(State { working: false, needs_body: false, ..self.0.state() });
    }
}

/// The chunks of a request's body; whoever waits for them has them taken from the client.
pub(crate) fn wanted<T>(
    read_gate: Option<ReadGate>,
    mut chunks: impl Stream<Item = T> + Unpin,
) -> impl Stream<Item = T> + Unpin {
    stream::poll_fn(move |cx| {
        let polled = chunks.poll_next_unpin(cx);
        if let Some(read_gate) = &read_gate {
            read_gate.waits_for_body(polled.is_pending());
        }
        polled
    })
}
