//! The id of the request that the running code works for, which each of its log lines has.
//!
//! Owns how the id follows the work: through a task, and into other tasks and threads. Must not know where an id comes from.
//!
//! It is no span: most requests log one line, and a span of the registry costs more processor time than that line.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Option<RequestId>;
}

/// The request's name in log lines and error responses, shared by what works for it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The id with this text.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Does the work for this request.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Some(self), work)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The request that the running code works for; `None` for what no client asked for.
#[derive(Debug, Clone)]
pub(crate) struct CurrentRequest(Option<RequestId>);

impl CurrentRequest {
    /// That of the running code.
    pub(crate) fn get() -> Self {
        Self(CURRENT.try_with(Clone::clone).unwrap_or_default())
    }

    /// The one with this id.
    pub(crate) fn named(id: Option<&str>) -> Self {
        Self(id.map(RequestId::new))
    }

    /// The text of its id.
    pub(super) fn id(&self) -> Option<&str> {
        self.0.as_ref().map(RequestId::as_str)
    }

    /// Does the work of another task for it.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self.0, work)
    }

    /// Does work for it, on any thread.
    pub(crate) fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.0.clone(), work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_id_follows_the_work_into_other_tasks_and_threads() {
        let id = |request: CurrentRequest| request.id().map(str::to_owned);
        assert_eq!(id(CurrentRequest::get()), None);
        let work = async {
            let request = CurrentRequest::get();
            let task = tokio::spawn(request.clone().scope(async { CurrentRequest::get() }));
            let thread = std::thread::spawn(move || request.in_scope(CurrentRequest::get));
            let detached = tokio::spawn(async { CurrentRequest::get() });
            (
                task.await.expect("no panic"),
                thread.join().expect("no panic"),
                detached.await.expect("no panic"),
            )
        };
        let (task, thread, detached) = RequestId::new("a").scope(work).await;
        assert_eq!((id(task), id(thread), id(detached)), (Some("a".to_owned()), Some("a".to_owned()), None));
        assert_eq!(id(CurrentRequest::get()), None);
    }
}
