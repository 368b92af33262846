//! The log lines of long jobs.

use std::time::Instant;

/// Runs a job, then logs how long it took and whether it succeeded.
pub(super) fn with_duration<T, E>(name: &str, job: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let started = Instant::now();
    let result = job();
    tracing::info!(seconds = started.elapsed().as_secs_f64(), done = result.is_ok(), "{name} ended");
    result
}

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
