//! One client's connection, which ends when the client keeps the server waiting.
//!
//! The HTTP library limits the time of a connection's first head and of silence between two requests. A
//! client that sends one request and then drips a second one, that drips what nobody reads any more, or
//! that takes no answer, would stay for ever: such are ended here. While a request is worked on nothing
//! here counts: how slow its body may be is the business of [`super::pace`].

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::settings::Connections;

/// A stream of bytes with an eye on its client.
pub(super) struct Watched<S> {
    stream: S,
    attention: Attention,
    reading: Reading,
    writing: Writing,
}

/// Whether somebody works on a request of the connection; the watched stream and the request share it.
#[derive(Clone, Default)]
pub(super) struct Attention(Rc<Cell<State>>);

#[derive(Clone, Copy, Default)]
struct State {
    working: bool,
    requests: u64,
}

/// A request of the connection is worked on as long as this is held.
pub(super) struct Working(Attention);

impl Attention {
    pub(super) fn begin(&self) -> Working {
        let requests = self.0.get().requests + 1;
        self.0.set(State { working: true, requests });
        Working(self.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let attention = &self.0.0;
        attention.set(State { working: false, ..attention.get() });
    }
}

/// The clock of bytes that belong to no request yet, or no more.
struct Reading {
    most: Duration,
    /// How many requests there were when it began, and when it ends.
    clock: Option<(u64, Timer)>,
}

/// The clock of an answer that is not taken.
struct Writing {
    most: Duration,
    clock: Option<Timer>,
}

type Timer = Pin<Box<Sleep>>;

impl<S> Watched<S> {
    pub(super) fn new(stream: S, limits: &Connections) -> Self {
        // A little later than the HTTP library, which can still answer with 408.
        let unattended = limits.head.max(limits.linger) + Duration::from_millis(500);
        Self {
            stream,
            attention: Attention::default(),
            reading: Reading { most: unattended, clock: None },
            writing: Writing { most: limits.answer, clock: None },
        }
    }

    pub(super) fn attention(&self) -> &Attention {
        &self.attention
    }
}

impl Reading {
    /// Ready when bytes have come for too long without becoming a request.
    fn poll_over(&mut self, came: bool, state: State, cx: &mut Context<'_>) -> Poll<()> {
        let another = self.clock.as_ref().is_some_and(|(requests, _)| *requests != state.requests);
        if state.working || another {
            self.clock = None;
        }
        if came && !state.working && self.clock.is_none() {
            self.clock = Some((state.requests, Box::pin(sleep(self.most))));
        }
        self.clock.as_mut().map_or(Poll::Pending, |(_, end)| end.as_mut().poll(cx))
    }
}

fn ended() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let came = buffer.filled().len() > before;
        match this.reading.poll_over(came, this.attention.0.get(), cx) {
            Poll::Ready(()) => Poll::Ready(Err(ended())),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            this.writing.clock = None;
            // A client that takes its answer may take its time before it asks for more.
            this.reading.clock = None;
            return written;
        }
        let most = this.writing.most;
        let end = this.writing.clock.get_or_insert_with(|| Box::pin(sleep(most)));
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Err(ended()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
