//! The minimum rate of a body: a stream that ends with an error if the client is slower.
//!
//! A fixed time for a whole upload would end valid ones on slow lines, and a timeout between two chunks would let one
//! byte a minute hold a connection for years. So each body has a time budget: waiting uses it up, and each chunk
//! gives back the time that it takes at the minimum rate. The budget never exceeds its initial value, so bytes sent
//! ahead do not allow a longer silence later.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, Sleep, sleep};

use crate::config::BodyRate;

/// The same chunks; [`is_too_slow`] recognises the error of a body that is too slow.
pub(crate) fn with_min_rate(
    mut chunks: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    body_rate: BodyRate,
) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
    let mut budget = RateBudget::new(body_rate);
    stream::poll_fn(move |cx| match chunks.poll_next_unpin(cx) {
        Poll::Ready(Some(Ok(chunk))) => {
            budget.add(chunk.len());
            Poll::Ready(Some(Ok(chunk)))
        }
        Poll::Pending => budget.poll_exhausted(cx).map(|()| Some(Err(too_slow()))),
        ended @ Poll::Ready(_) => ended,
    })
}

fn too_slow() -> PayloadError {
    PayloadError::Io(std::io::ErrorKind::TimedOut.into())
}

/// Whether a body ended because it was too slow.
pub(crate) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// The time for which the server will wait for a body.
struct RateBudget {
    body_rate: BodyRate,
    left: Duration,
    /// When the current wait began, and the timer that ends it.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl RateBudget {
    fn new(body_rate: BodyRate) -> Self {
        Self { body_rate, left: body_rate.stall, wait: None }
    }

    /// Bytes have arrived.
    fn add(&mut self, bytes: usize) {
        if let Some((since, _)) = self.wait.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.left = (self.left + time_at_min_rate(bytes as u64, self.body_rate)).min(self.body_rate.stall);
    }

    /// Ready when nothing has arrived for all the time that is left.
    fn poll_exhausted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, timer) = self.wait.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        timer.as_mut().poll(cx)
    }
}

fn time_at_min_rate(bytes: u64, body_rate: BodyRate) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / body_rate.bytes_per_second.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 bytes a second on average, and up to 5 seconds of silence.
    const BODY_RATE: BodyRate = BodyRate { stall: Duration::from_secs(5), bytes_per_second: 10 };

    /// Sends chunks with a pause before each; returns how many arrived, and whether the body ended by itself.
    async fn received(bytes: usize, pause: Duration, chunks: usize) -> (usize, bool) {
        let sender = stream::unfold(0, move |sent| async move {
            sleep(pause).await;
            (sent < chunks).then(|| (Ok(Bytes::from(vec![0; bytes])), sent + 1))
        });
        let mut body = with_min_rate(Box::pin(sender), BODY_RATE);
        let mut arrived = 0;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(_) => arrived += 1,
                Err(error) => return (arrived, !is_too_slow(&error)),
            }
        }
        (arrived, true)
    }

    #[test]
    fn each_chunk_gives_back_its_time_up_to_the_initial_budget() {
        let mut budget = RateBudget::new(BODY_RATE);
        budget.add(1_000_000);
        assert_eq!(budget.left, BODY_RATE.stall, "bytes sent ahead allow no longer silence");
        budget.left = Duration::from_secs(1);
        budget.add(20);
        assert_eq!(budget.left, Duration::from_secs(3));
        budget.add(usize::MAX);
        assert_eq!(budget.left, BODY_RATE.stall, "no overflow");
    }

    #[tokio::test]
    async fn a_body_at_the_minimum_rate_is_received_completely() {
        assert_eq!(received(10, Duration::from_millis(20), 20).await, (20, true));
    }
}
