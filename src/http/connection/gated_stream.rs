//! Backpressure on a connection's plaintext, which is read through TLS or directly.
//!
//! The HTTP library parses all bytes that have arrived, and a request of some bytes takes kilobytes of memory. So no bytes
//! are read from a client while a response is pending or not yet read by the client, and only little at a time otherwise,
//! unless a body is read. It lies above TLS, which decrypts up to 16 KiB at once. Must not know the timeouts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::backpressure::{HEAD_READ_BYTES, ReadGate};
use super::guarded_stream::{DrainableStream, GuardedStream};
use super::other_protocol;

/// A connection as the HTTP library sees it.
pub(crate) struct GatedStream<S: DrainableStream> {
    transport: Transport<S>,
    pub(crate) read_gate: ReadGate,
    /// Whether any bytes were read.
    begun: bool,
    /// Whether the last read returned bytes: the library gets to parse them before there are more.
    pausing: bool,
}

enum Transport<S: DrainableStream> {
    Plain(GuardedStream<S>),
    Tls(Box<TlsStream<GuardedStream<S>>>),
}

/// What both transports can do.
trait Stream: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Stream for T {}

impl<S: DrainableStream> GatedStream<S> {
    pub(crate) fn plain(stream: GuardedStream<S>) -> Self {
        let read_gate = stream.read_gate().clone();
        Self { transport: Transport::Plain(stream), read_gate, begun: false, pausing: false }
    }

    pub(crate) fn tls(stream: TlsStream<GuardedStream<S>>) -> Self {
        let read_gate = stream.get_ref().0.read_gate().clone();
        Self { transport: Transport::Tls(Box::new(stream)), read_gate, begun: true, pausing: false }
    }

    /// Whether its bytes are decrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    fn transport(&mut self) -> Pin<&mut (dyn Stream + Unpin)> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream),
            Transport::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }

    /// Reads once, and is pending the next time: the library reads until nothing is left before it parses what it has
    /// read.
    fn poll_read_once(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        read_budget: usize,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.pausing) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if read_budget > HEAD_READ_BYTES {
            ready!(self.transport().poll_read(cx, buffer))?;
        } else {
            let mut bytes = [0; HEAD_READ_BYTES];
            let mut head = ReadBuf::new(&mut bytes[..read_budget.min(buffer.remaining())]);
            ready!(self.transport().poll_read(cx, &mut head))?;
            buffer.put_slice(head.filled());
        }
        let count = buffer.filled().len() - before;
        self.pausing = count > 0;
        self.read_gate.count(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: DrainableStream> AsyncRead for GatedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read_budget = self.read_gate.state().read_budget();
        if read_budget == 0 {
            self.read_gate.wait(cx);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(self.poll_read_once(cx, buffer, read_budget))?;
        if !std::mem::replace(&mut self.begun, true) {
            other_protocol::warn_about_tls(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: DrainableStream> AsyncWrite for GatedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.transport().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::config::{BodyRate, Connections};

    const CAPACITY: usize = 64 << 10;

    impl DrainableStream for DuplexStream {
        fn read_available(&self, _: &mut [u8]) -> usize {
            0
        }
    }

    /// A gated stream and its client; `capacity` bytes may be in flight.
    fn connected(capacity: usize) -> (GatedStream<DuplexStream>, DuplexStream) {
        let second = Duration::from_secs(1);
        let body_rate = BodyRate { stall: second, bytes_per_second: 1 };
        let limits = Connections { max: 1, head: second, body_rate, linger: second, answer: second };
        let (client, stream) = duplex(capacity);
        (GatedStream::plain(GuardedStream::new(stream, &limits, ReadGate::default(), None)), client)
    }

    /// Reads like the HTTP library, until the stream is pending; returns the number of bytes.
    async fn read_until_pending(stream: &mut GatedStream<DuplexStream>) -> usize {
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

    async fn read_thrice(stream: &mut GatedStream<DuplexStream>) -> usize {
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
