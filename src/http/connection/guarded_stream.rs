//! One client's connection, which is closed if the client keeps the server waiting.
//!
//! The HTTP library limits the time of a connection's first head and the silence between two requests. Without more
//! limits, a client could hold a connection for ever that sends one request and then drips a second one, that drips a
//! body which is no longer read, or that does not read its response: this stream closes such connections. While a
//! response is pending its timers do not run: the rate of a body is limited in [`super::body_rate`].
//!
//! Backpressure: the library parses all bytes that have arrived, and a request of some bytes takes kilobytes of
//! memory. So no bytes are read from a client while a response is pending or not yet read by the client, and only
//! little at a time otherwise, unless a body is read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::backpressure::{HEAD_READ_BYTES, ReadGate, State};
use super::plain_http;
use crate::config::Connections;
use crate::net::per_client_limit::ConnectionPermit;
use crate::telemetry::metrics::{Guard, OpenConnection, metrics};

/// The HTTP library reads the time in steps, so its timeouts can be early by one.
const CLOCK_STEP: Duration = Duration::from_millis(500);

/// Unread bytes of a client that are discarded when its connection is closed.
const MAX_DRAINED_BYTES: usize = 256 << 10;

/// A stream whose unread bytes can be discarded.
pub(crate) trait DrainableStream {
    /// Reads bytes that have arrived already; 0 if there are none.
    fn read_available(&self, buffer: &mut [u8]) -> usize;
}

impl DrainableStream for TcpStream {
    fn read_available(&self, buffer: &mut [u8]) -> usize {
        self.try_read(buffer).unwrap_or(0)
    }
}

/// A stream with backpressure and timeouts.
pub(crate) struct GuardedStream<S: DrainableStream> {
    stream: S,
    pub(crate) read_gate: ReadGate,
    reading: Reading,
    writing: Writing,
    /// Counts this connection for its client.
    _permit: ConnectionPermit,
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
    /// Whether any bytes were read.
    begun: bool,
    /// Whether the last read returned bytes: the library gets to parse them before there are more.
    pausing: bool,
}

/// The timeout of a response that the client does not read.
struct Writing {
    timeout: Duration,
    timer: Option<Timer>,
}

type Timer = Pin<Box<Sleep>>;

impl<S: DrainableStream> GuardedStream<S> {
    pub(crate) fn new(stream: S, limits: &Connections, permit: ConnectionPermit) -> Self {
        // A little later than the HTTP library, which can still respond with 408.
        let timeout = limits.head.max(limits.linger) + Duration::from_millis(500);
        Self {
            stream,
            read_gate: ReadGate::default(),
            reading: Reading {
                timeout,
                max_head: limits.head,
                opened: Instant::now(),
                timer: None,
                begun: false,
                pausing: false,
            },
            writing: Writing { timeout: limits.answer, timer: None },
            _permit: permit,
            _open: metrics().connection_opened(),
        }
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

    /// Counts a head that did not arrive in time, when the connection ends or the library responds with 408.
    fn count_slow_head(&self, state: State) {
        if self.has_slow_head(state) {
            metrics().connection_closed(Guard::SlowHead);
        }
    }

    fn has_slow_head(&self, state: State) -> bool {
        let Some((requests, timer)) = &self.timer else { return false };
        if *requests != state.requests {
            return false;
        }
        let since = if *requests == 0 { self.opened } else { timer.deadline() - self.timeout };
        since.elapsed() + CLOCK_STEP >= self.max_head
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: AsyncRead + DrainableStream + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let state = this.read_gate.state();
        let read_budget = state.read_budget();
        if this.writing.timer.is_some() || read_budget == 0 {
            this.read_gate.wait(cx);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = this.poll_read_once(cx, buffer, read_budget);
        let received = buffer.filled().len() > before;
        if received && !std::mem::replace(&mut this.reading.begun, true) {
            plain_http::warn_about_tls(&buffer.filled()[before..]);
        }
        match this.reading.poll_timeout(received, state, cx) {
            Poll::Ready(()) => Poll::Ready(Err(timed_out())),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncRead + DrainableStream + Unpin> GuardedStream<S> {
    /// Reads once, and is pending the next time: the library reads until nothing is left before it parses what it has
    /// read.
    fn poll_read_once(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        read_budget: usize,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.reading.pausing) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if read_budget > HEAD_READ_BYTES {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        } else {
            let mut bytes = [0; HEAD_READ_BYTES];
            let mut head = ReadBuf::new(&mut bytes[..read_budget.min(buffer.remaining())]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut head))?;
            buffer.put_slice(head.filled());
        }
        let count = buffer.filled().len() - before;
        self.reading.pausing = count > 0;
        self.read_gate.count(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + DrainableStream + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            if this.writing.timer.take().is_some() {
                this.read_gate.wake();
            }
            this.reading.count_slow_head(this.read_gate.state());
            // While the client reads its response, the timeout of its next request does not run.
            this.reading.timer = None;
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
        self.reading.count_slow_head(self.read_gate.state());
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::config::BodyRate;
    use crate::net::per_client_limit::PerClientLimit;
    use crate::net::trusted_proxies::TrustedProxies;

    const CAPACITY: usize = 64 << 10;

    impl DrainableStream for DuplexStream {
        fn read_available(&self, _: &mut [u8]) -> usize {
            0
        }
    }

    /// A guarded stream and its client; `capacity` bytes may be in flight.
    fn connected(capacity: usize) -> (GuardedStream<DuplexStream>, DuplexStream) {
        let second = Duration::from_secs(1);
        let body_rate = BodyRate { stall: second, bytes_per_second: 1 };
        let limits = Connections { max: 1, head: second, body_rate, linger: second, answer: second };
        let per_client = PerClientLimit::new(1, TrustedProxies::default());
        let (client, stream) = duplex(capacity);
        let permit = per_client.count(std::net::Ipv4Addr::LOCALHOST.into()).expect("the limit is one");
        (GuardedStream::new(stream, &limits, permit), client)
    }

    /// Reads like the HTTP library, until the stream is pending; returns the number of bytes.
    async fn read_until_pending(stream: &mut GuardedStream<DuplexStream>) -> usize {
        std::future::poll_fn(|cx| {
            let mut count = 0;
            let mut bytes = vec![0; 8 << 10];
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) => count += buffer.filled().len(),
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => return Poll::Ready(count),
                }
            }
        })
        .await
    }

    async fn read_thrice(stream: &mut GuardedStream<DuplexStream>) -> usize {
        read_until_pending(stream).await + read_until_pending(stream).await + read_until_pending(stream).await
    }

    #[tokio::test]
    async fn reads_heads_in_small_steps() {
        let (mut stream, mut client) = connected(CAPACITY);
        client.write_all(&[b'x'; 3000]).await.expect("there is capacity");
        let mut steps = Vec::new();
        while steps.iter().sum::<usize>() < 3000 {
            steps.push(read_until_pending(&mut stream).await);
        }
        assert!(steps.iter().all(|&step| step <= HEAD_READ_BYTES), "{steps:?}");
    }

    #[tokio::test]
    async fn while_a_response_is_pending_reads_only_the_body_and_a_little_after_it() {
        let (mut stream, mut client) = connected(CAPACITY);
        client.write_all(&[b'x'; 12_000]).await.expect("there is capacity");
        let response_pending = stream.read_gate.clone().begin();
        assert_eq!(read_until_pending(&mut stream).await, 0);
        stream.read_gate.set_needs_body(true);
        assert_eq!(read_thrice(&mut stream).await, 12_000);
        stream.read_gate.set_needs_body(false);
        client.write_all(&[b'x'; 3000]).await.expect("there is capacity");
        assert_eq!(read_thrice(&mut stream).await, HEAD_READ_BYTES);
        drop(response_pending);
        let next = read_until_pending(&mut stream).await + read_until_pending(&mut stream).await;
        assert!(next > 0, "the next request");
    }

    #[tokio::test]
    async fn does_not_read_from_a_client_until_it_reads_its_response() {
        let (mut stream, mut client) = connected(10);
        client.write_all(b"more").await.expect("there is capacity");
        let mut response = Box::pin(stream.write_all(&[b'a'; 30]));
        let blocked = std::future::poll_fn(|cx| Poll::Ready(response.as_mut().poll(cx).is_pending())).await;
        assert!(blocked);
        drop(response);
        assert_eq!(read_until_pending(&mut stream).await, 0);
        let mut first = [0; 10];
        client.read_exact(&mut first).await.expect("the first part of the response");
        stream.write_all(b"end").await.expect("there is capacity again");
        assert_eq!(read_until_pending(&mut stream).await, 4);
    }
}
