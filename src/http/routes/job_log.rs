//! The log lines about the progress of evaluations.

/// Logs each tenth of the iterations under the request's id, also from other threads.
pub(super) fn iterations() -> impl Fn(usize, usize) + Sync {
    let request = tracing::Span::current();
    move |done, total| {
        let tenth = |done: usize| done * 10 / total.max(1);
        if tenth(done) > tenth(done.saturating_sub(1)) {
            request.in_scope(|| tracing::info!(done, total, "evaluation: iterations done"));
        }
    }
}
