//! One client's connection, which ends when the client keeps the server waiting.
//!
//! The HTTP library limits the time of a connection's first head and of silence between two requests. A
//! client that sends one request and then drips a second one, that drips what nobody reads any more, or
//! that takes no answer, would stay for ever: such are ended here. While a request is worked on nothing
//! here counts: how slow its body may be is the business of [`super::body_rate`].
//!
//! Nor does a client get ahead of its answers. The library takes apart whatever has come, and some bytes are
//! enough for a request that takes kilobytes: so nothing is taken from a client while it is its turn to
//! take an answer or to wait for one, and little at a time otherwise, unless a body is read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::backpressure::{PIECE, ReadGate, State};
use crate::config::Connections;
use crate::net::per_client_limit::ConnectionPermit;

/// What is thrown away of what a client has sent when its connection ends, at most.
const LEFT_OVER: usize = 256 << 10;

/// A stream that can be emptied without waiting.
pub(crate) trait DrainableStream {
    /// Reads something into the buffer that has come already; 0 when there is nothing.
    fn take_some(&self, buffer: &mut [u8]) -> usize;
}

impl DrainableStream for TcpStream {
    fn take_some(&self, buffer: &mut [u8]) -> usize {
        self.try_read(buffer).unwrap_or(0)
    }
}

/// A stream of bytes with an eye on its client.
pub(crate) struct GuardedStream<S: DrainableStream> {
    stream: S,
    read_gate: ReadGate,
    reading: Reading,
    writing: Writing,
    /// That it is one of its client's.
    _counted: ConnectionPermit,
}

/// The clock of bytes that belong to no request yet, or no more.
struct Reading {
    most: Duration,
    /// How many requests there were when it began, and when it ends.
    clock: Option<(u64, Timer)>,
    /// Whether a piece has just been taken: what is in it is looked at before there is more.
    pausing: bool,
}

/// The clock of an answer that is not taken.
struct Writing {
    most: Duration,
    clock: Option<Timer>,
}

type Timer = Pin<Box<Sleep>>;

impl<S: DrainableStream> GuardedStream<S> {
    pub(crate) fn new(stream: S, limits: &Connections, counted: ConnectionPermit) -> Self {
        // A little later than the HTTP library, which can still answer with 408.
        let unattended = limits.head.max(limits.linger) + Duration::from_millis(500);
        Self {
            stream,
            read_gate: ReadGate::default(),
            reading: Reading { most: unattended, clock: None, pausing: false },
            writing: Writing { most: limits.answer, clock: None },
            _counted: counted,
        }
    }

    pub(crate) fn read_gate(&self) -> &ReadGate {
        &self.read_gate
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

impl<S: AsyncRead + DrainableStream + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let state = this.read_gate.state();
        let most = state.room();
        if this.writing.clock.is_some() || most == 0 {
            this.read_gate.wait(cx);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = this.poll_piece(cx, buffer, most);
        let came = buffer.filled().len() > before;
        match this.reading.poll_over(came, state, cx) {
            Poll::Ready(()) => Poll::Ready(Err(ended())),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncRead + DrainableStream + Unpin> GuardedStream<S> {
    /// Reads once, and the next time nothing: the library reads until it is told that there is no more, and looks
    /// at what it has only then.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.reading.pausing) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if most > PIECE {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        } else {
            let mut bytes = [0; PIECE];
            let mut piece = ReadBuf::new(&mut bytes[..most.min(buffer.remaining())]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
            buffer.put_slice(piece.filled());
        }
        let taken = buffer.filled().len() - before;
        self.reading.pausing = taken > 0;
        self.read_gate.took(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + DrainableStream + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            if this.writing.clock.take().is_some() {
                this.read_gate.wake();
            }
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

/// A system that finds unread bytes at the end resets the connection, and the client may never see its answer.
impl<S: DrainableStream> Drop for GuardedStream<S> {
    fn drop(&mut self) {
        let mut buffer = [0; 8 << 10];
        let mut emptied = 0;
        while emptied < LEFT_OVER {
            match self.stream.take_some(&mut buffer) {
                0 => break,
                some => emptied += some,
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

    const ROOM: usize = 64 << 10;

    impl DrainableStream for DuplexStream {
        fn take_some(&self, _: &mut [u8]) -> usize {
            0
        }
    }

    /// A watched stream, and its client, between whom so much may be on its way.
    fn connected(room: usize) -> (GuardedStream<DuplexStream>, DuplexStream) {
        let second = Duration::from_secs(1);
        let body_rate = BodyRate { stall: second, bytes_per_second: 1 };
        let limits = Connections { max: 1, head: second, body_rate, linger: second, answer: second };
        let per_client = PerClientLimit::new(1, TrustedProxies::default());
        let (client, stream) = duplex(room);
        let counted = per_client.count(std::net::Ipv4Addr::LOCALHOST.into()).expect("there is room for one");
        (GuardedStream::new(stream, &limits, counted), client)
    }

    /// What can be read before nothing comes, as the HTTP library reads.
    async fn at_once(stream: &mut GuardedStream<DuplexStream>) -> usize {
        std::future::poll_fn(|cx| {
            let mut taken = 0;
            let mut bytes = vec![0; 8 << 10];
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) => taken += buffer.filled().len(),
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => return Poll::Ready(taken),
                }
            }
        })
        .await
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(test);
    }

    #[test]
    fn heads_are_taken_piece_by_piece() {
        run(async {
            let (mut stream, mut client) = connected(ROOM);
            client.write_all(&[b'x'; 3000]).await.expect("there is room");
            let mut pieces = Vec::new();
            while pieces.iter().sum::<usize>() < 3000 {
                pieces.push(at_once(&mut stream).await);
            }
            assert!(pieces.iter().all(|&piece| piece <= PIECE), "{pieces:?}");
        });
    }

    #[test]
    fn while_a_request_is_worked_on_only_its_body_is_taken_and_a_little_after_it() {
        run(async {
            let (mut stream, mut client) = connected(ROOM);
            client.write_all(&[b'x'; 12_000]).await.expect("there is room");
            let working = stream.read_gate().clone().begin();
            assert_eq!(at_once(&mut stream).await, 0);
            stream.read_gate().waits_for_body(true);
            let body = at_once(&mut stream).await + at_once(&mut stream).await + at_once(&mut stream).await;
            assert_eq!(body, 12_000);
            stream.read_gate().waits_for_body(false);
            client.write_all(&[b'x'; 3000]).await.expect("there is room");
            let after: usize =
                [at_once(&mut stream).await, at_once(&mut stream).await, at_once(&mut stream).await]
                    .into_iter()
                    .sum();
            assert_eq!(after, PIECE);
            drop(working);
            let next = at_once(&mut stream).await + at_once(&mut stream).await;
            assert!(next > 0, "the next request");
        });
    }

    #[test]
    fn whoever_waits_to_read_is_woken_when_the_work_is_done() {
        run(async {
            let (mut stream, mut client) = connected(ROOM);
            let working = stream.read_gate().clone().begin();
            client.write_all(b"next").await.expect("there is room");
            let reading = async {
                let mut next = [0; 4];
                stream.read_exact(&mut next).await.map(|_| next)
            };
            let (next, ()) = tokio::join!(reading, async {
                tokio::task::yield_now().await;
                drop(working);
            });
            assert_eq!(&next.expect("it comes"), b"next");
        });
    }

    #[test]
    fn who_takes_no_answer_is_not_listened_to_until_it_does() {
        run(async {
            let (mut stream, mut client) = connected(10);
            client.write_all(b"more").await.expect("there is room");
            let mut answer = Box::pin(stream.write_all(&[b'a'; 30]));
            // The answer is blocked now.
            let blocked = std::future::poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
            assert!(blocked);
            drop(answer);
            assert_eq!(at_once(&mut stream).await, 0);
            let mut taken = [0; 10];
            client.read_exact(&mut taken).await.expect("the first part of the answer");
            stream.write_all(b"end").await.expect("there is room again");
            assert_eq!(at_once(&mut stream).await, 4);
        });
    }
}
