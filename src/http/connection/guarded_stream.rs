//! One client's connection, which is closed if the client keeps the server waiting.
//!
//! Owns the timeouts. The HTTP library limits the time of a connection's first head and the silence between two requests.
//! Without more limits, a client could hold a connection for ever that sends one request and then drips a second one, that
//! drips a body which is no longer read, or that does not read its response: this stream closes such connections. While a
//! response is pending its timers do not run: the rate of a body is limited in [`super::body_rate`].
//!
//! It lies beneath TLS: above, no byte would arrive of a head that is dripped inside one record, and no timer would start.
//! Must not know what the bytes mean.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep, sleep};

use super::backpressure::{ReadGate, State};
use crate::config::Connections;
use crate::net::per_client_limit::ConnectionPermit;
use crate::telemetry::metrics::{Guard, OpenConnection, metrics};

/// Unread bytes of a client that are discarded when its connection is closed.
const MAX_DRAINED_BYTES: usize = 256 << 10;

/// A stream whose unread bytes can be discarded.
pub(crate) trait DrainableStream: AsyncRead + AsyncWrite + Unpin {
    /// Reads bytes that have arrived already; 0 if there are none.
    fn read_available(&self, buffer: &mut [u8]) -> usize;
}

impl DrainableStream for TcpStream {
    fn read_available(&self, buffer: &mut [u8]) -> usize {
        self.try_read(buffer).unwrap_or(0)
    }
}

impl DrainableStream for UnixStream {
    fn read_available(&self, buffer: &mut [u8]) -> usize {
        self.try_read(buffer).unwrap_or(0)
    }
}

/// A stream with timeouts.
pub(crate) struct GuardedStream<S: DrainableStream> {
    stream: S,
    read_gate: ReadGate,
    reading: Reading,
    writing: Writing,
    /// Counts this connection for its client; the peer of a Unix socket is not counted.
    _permit: Option<ConnectionPermit>,
    /// Counts it for the metrics.
    _open: OpenConnection,
}

/// The timeout of bytes that belong to no request.
struct Reading {
    timeout: Duration,
    /// The HTTP library ends a request whose head takes longer. It does not say so.
    max_head: Duration,
    opened: Instant,
    /// The number of requests when the timer was started, and the timer.
    timer: Option<(u64, Timer)>,
}

/// The timeout of a response that the client does not read.
struct Writing {
    timeout: Duration,
    timer: Option<Timer>,
}

type Timer = Pin<Box<Sleep>>;

impl<S: DrainableStream> GuardedStream<S> {
    /// `read_gate` is also that of the connection's requests.
    pub(crate) fn new(
        stream: S,
        limits: &Connections,
        read_gate: ReadGate,
        permit: Option<ConnectionPermit>,
    ) -> Self {
        // A little later than the HTTP library, which can still respond with 408.
        let timeout = limits.head.max(limits.linger) + Duration::from_millis(500);
        Self {
            stream,
            read_gate,
            reading: Reading { timeout, max_head: limits.head, opened: Instant::now(), timer: None },
            writing: Writing { timeout: limits.answer, timer: None },
            _permit: permit,
            _open: metrics().connection_opened(),
        }
    }

    pub(crate) fn read_gate(&self) -> &ReadGate {
        &self.read_gate
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    fn count_slow_head(&mut self) {
        if self.reading.take_slow_head(self.read_gate.state().requests) {
            metrics().connection_closed(Guard::SlowHead);
        }
    }

    /// The bytes so far were a handshake, which has ended: the timeout of a head begins with the next ones.
    pub(crate) fn end_handshake(&mut self) {
        self.reading.timer = None;
    }
}

impl Reading {
    /// Ready when bytes have arrived for too long without becoming a request.
    fn poll_timeout(&mut self, received: bool, state: State, cx: &mut Context<'_>) -> Poll<()> {
        let is_next_request = self.timer.as_ref().is_some_and(|(requests, _)| *requests != state.requests);
        if state.response_pending || is_next_request {
            self.timer = None;
        }
        if received && !state.response_pending && self.timer.is_none() {
            self.timer = Some((state.requests, Box::pin(sleep(self.timeout))));
        }
        self.timer.as_mut().map_or(Poll::Pending, |(_, timer)| timer.as_mut().poll(cx))
    }

    /// Whether the head after `received` requests did not arrive in time. Ends its timeout.
    fn take_slow_head(&mut self, received: u64) -> bool {
        let Some((requests, timer)) = self.timer.take() else { return false };
        if requests != received {
            return false;
        }
        let since = if requests == 0 { self.opened } else { timer.deadline() - self.timeout };
        since.elapsed() >= self.max_head
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: DrainableStream> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let state = this.read_gate.state();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let received = buffer.filled().len() > before;
        match this.reading.poll_timeout(received, state, cx) {
            Poll::Ready(()) => Poll::Ready(Err(timed_out())),
            Poll::Pending => read,
        }
    }
}

impl<S: DrainableStream> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.read_gate.set_write_blocked(written.is_pending());
        if written.is_ready() {
            this.writing.timer = None;
            // While the client reads its response, the timeout of its next request does not run. A response without a
            // request is the library's 408.
            this.count_slow_head();
            return written;
        }
        let timeout = this.writing.timeout;
        let timer = this.writing.timer.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(timer.as_mut().poll(cx));
        metrics().connection_closed(Guard::UnreadResponse);
        Poll::Ready(Err(timed_out()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// If bytes are unread when a connection is closed, the system resets it, and the client may never see its response.
impl<S: DrainableStream> Drop for GuardedStream<S> {
    fn drop(&mut self) {
        self.count_slow_head();
        let mut buffer = [0; 8 << 10];
        let mut drained = 0;
        while drained < MAX_DRAINED_BYTES {
            match self.stream.read_available(&mut buffer) {
                0 => break,
                count => drained += count,
            }
        }
    }
}
