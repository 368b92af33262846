//! How slow a body may be: a stream that ends with an error when its sender is slower.
//!
//! A fixed time for a whole upload would end honest ones on slow lines, and a time from chunk to chunk would
//! let one byte a minute hold a connection for years. So each body has some time in hand: waiting uses it
//! up, and what arrives gives as much back as it takes at the slowest allowed speed, but never more than
//! there was at first, so that nothing sent ahead buys a long silence.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, Sleep, sleep};

use crate::config::BodyRate;

/// The same chunks; [`is_too_slow`] knows the error when they come too slowly.
pub(crate) fn paced(
    mut chunks: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    body_rate: BodyRate,
) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
    let mut patience = Patience::new(body_rate);
    stream::poll_fn(move |cx| match chunks.poll_next_unpin(cx) {
        Poll::Ready(Some(Ok(chunk))) => {
            patience.arrived(chunk.len());
            Poll::Ready(Some(Ok(chunk)))
        }
        Poll::Pending => patience.poll_lost(cx).map(|()| Some(Err(too_slow()))),
        ended @ Poll::Ready(_) => ended,
    })
}

fn too_slow() -> PayloadError {
    PayloadError::Io(std::io::ErrorKind::TimedOut.into())
}

/// Whether a body ended because it came too slowly.
pub(crate) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// The time that a sender has in hand.
struct Patience {
    body_rate: BodyRate,
    left: Duration,
    /// Since when is waited, and until when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Patience {
    fn new(body_rate: BodyRate) -> Self {
        Self { body_rate, left: body_rate.stall, waiting: None }
    }

    fn arrived(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.left = (self.left + worth(bytes as u64, self.body_rate)).min(self.body_rate.stall);
    }

    /// Ready when nothing has come for all the time that is left.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let (_, end) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        end.as_mut().poll(cx)
    }
}

/// How long so many bytes take at the slowest allowed speed.
fn worth(bytes: u64, body_rate: BodyRate) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / body_rate.bytes_per_second.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender of 10 bytes a second on average may be silent for 5 seconds.
    const BODY_RATE: BodyRate = BodyRate { stall: Duration::from_secs(5), bytes_per_second: 10 };

    /// How many chunks come through when they come so far apart, and whether the end was their own.
    fn sent(bytes: usize, apart: Duration, chunks: usize) -> (usize, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let sender = stream::unfold(0, move |sent| async move {
                sleep(apart).await;
                (sent < chunks).then(|| (Ok(Bytes::from(vec![0; bytes])), sent + 1))
            });
            let mut body = paced(Box::pin(sender), BODY_RATE);
            let mut arrived = 0;
            while let Some(chunk) = body.next().await {
                match chunk {
                    Ok(_) => arrived += 1,
                    Err(error) => return (arrived, !is_too_slow(&error)),
                }
            }
            (arrived, true)
        })
    }

    #[test]
    fn what_arrives_gives_back_the_time_it_is_worth_and_no_more() {
        let mut patience = Patience::new(BODY_RATE);
        patience.arrived(1_000_000);
        assert_eq!(patience.left, BODY_RATE.stall, "nothing sent ahead buys a silence");
        patience.left = Duration::from_secs(1);
        patience.arrived(20);
        assert_eq!(patience.left, Duration::from_secs(3));
        patience.arrived(usize::MAX);
        assert_eq!(patience.left, BODY_RATE.stall, "and nothing overflows");
    }

    #[test]
    fn chunks_that_come_fast_enough_all_come_through() {
        assert_eq!(sent(10, Duration::from_millis(20), 20), (20, true));
    }
}
