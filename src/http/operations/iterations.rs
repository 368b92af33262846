//! The reports about the progress of evaluations: log lines, and the list of long work.

use crate::jobs::{Phase, Reporter};
use crate::telemetry::request_id::CurrentRequest;

/// Logs each tenth of the iterations under the request's id, also from other threads.
pub(super) fn reports(reporter: &Reporter) -> impl Fn(usize, usize) + Sync {
    let request = CurrentRequest::get();
    move |done, total| {
        reporter.advances(Phase::Evaluating, done, total);
        if done >= total {
            reporter.enters(Phase::Saving);
        }
        let tenth = |done: usize| done * 10 / total.max(1);
        if tenth(done) > tenth(done.saturating_sub(1)) {
            request.in_scope(|| tracing::info!(done, total, "evaluation: iterations done"));
        }
    }
}
