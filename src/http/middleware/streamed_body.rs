//! A response body that is sent in parts over a long time: its end, and the status of a failure in the middle.
//!
//! Owns the report of the end. Must not know what is in the body, nor what happens at its end.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;

/// The status of a failure after the response had begun. The handler that sends such a response puts it into the
/// extensions of the request.
#[derive(Clone, Default)]
pub(crate) struct LateStatus(Rc<Cell<Option<StatusCode>>>);

impl LateStatus {
    pub(crate) fn set(&self, status: StatusCode) {
        self.0.set(Some(status));
    }
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// All of it was handed to the connection, with the status of a late failure.
    Complete(Option<StatusCode>),
    /// The connection was closed before.
    Dropped,
}

/// The same body; `end` is called once, at its end.
pub(super) fn watched(
    body: BoxBody,
    late_status: Option<LateStatus>,
    end: impl FnOnce(Ending) + Unpin,
) -> impl MessageBody<Error = <BoxBody as MessageBody>::Error> {
    Watched { body, late_status, end: Some(end) }
}

struct Watched<F: FnOnce(Ending)> {
    body: BoxBody,
    late_status: Option<LateStatus>,
    end: Option<F>,
}

impl<F: FnOnce(Ending)> Watched<F> {
    fn end(&mut self, ending: Ending) {
        if let Some(end) = self.end.take() {
            end(ending);
        }
    }
}

impl<F: FnOnce(Ending) + Unpin> MessageBody for Watched<F> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_next(cx);
        if matches!(polled, Poll::Ready(None)) {
            let late_status = self.late_status.as_ref().and_then(|status| status.0.get());
            self.end(Ending::Complete(late_status));
        }
        polled
    }
}

impl<F: FnOnce(Ending)> Drop for Watched<F> {
    fn drop(&mut self) {
        self.end(Ending::Dropped);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use actix_web::body::BodyStream;
    use futures_util::stream;

    use super::*;

    /// A body of two parts, and how it ended.
    fn two_parts(late_status: Option<LateStatus>) -> (impl MessageBody + Unpin, Rc<Cell<Option<Ending>>>) {
        let parts = [" ", "{}"].map(|part| Ok::<_, Infallible>(Bytes::from_static(part.as_bytes())));
        let body = BoxBody::new(BodyStream::new(stream::iter(parts)));
        let ending = Rc::new(Cell::new(None));
        let end = Rc::clone(&ending);
        (Box::pin(watched(body, late_status, move |ending| end.set(Some(ending)))), ending)
    }

    async fn next(body: &mut (impl MessageBody + Unpin)) -> bool {
        poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await.is_some()
    }

    #[tokio::test]
    async fn the_end_of_a_body_is_reported_once_with_a_late_failure() {
        let late_status = LateStatus::default();
        late_status.set(StatusCode::BAD_REQUEST);
        let (mut body, ending) = two_parts(Some(late_status));
        assert!(next(&mut body).await && next(&mut body).await);
        assert_eq!(ending.get(), None);
        assert!(!next(&mut body).await);
        let complete = Some(Ending::Complete(Some(StatusCode::BAD_REQUEST)));
        assert_eq!(ending.get(), complete);
        drop(body);
        assert_eq!(ending.get(), complete);
    }

    #[tokio::test]
    async fn a_dropped_body_is_reported() {
        let (mut body, ending) = two_parts(None);
        assert!(next(&mut body).await);
        drop(body);
        assert_eq!(ending.get(), Some(Ending::Dropped));
    }
}
