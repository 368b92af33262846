//! The minimum rate of a body: a stream that ends with an error if the client is slower.
//!
//! A fixed time for a whole upload would end valid ones on slow lines, and a timeout between two chunks would let one
//! byte a minute hold a connection for years. So each body has a time budget: waiting uses it up, and each chunk
//! gives back the time that it takes at the minimum rate. The budget never exceeds its initial value, so bytes sent
//! ahead do not allow a longer silence later.

use std::io::ErrorKind;
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
        Poll::Pending => {
            budget.poll_exhausted(cx).map(|()| Some(Err(PayloadError::Io(ErrorKind::TimedOut.into()))))
        }
        ended @ Poll::Ready(_) => ended,
    })
}

/// Whether a body ended because it was too slow.
pub(crate) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == ErrorKind::TimedOut)
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
        let BodyRate { stall, bytes_per_second } = self.body_rate;
        let nanos = (bytes as u64).saturating_mul(1_000_000_000) / bytes_per_second.max(1);
        self.left = (self.left + Duration::from_nanos(nanos)).min(stall);
    }

    /// Ready when nothing has arrived for all the time that is left.
    fn poll_exhausted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, timer) = self.wait.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 bytes a second on average, and up to 5 seconds of silence.
    const BODY_RATE: BodyRate = BodyRate { stall: Duration::from_secs(5), bytes_per_second: 10 };

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
}
