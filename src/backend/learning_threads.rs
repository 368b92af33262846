//! Threads of their own for learning, so that a prediction, which uses rayon's global pool, never queues behind a
//! training.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// One thread a core; `None` when the system gives no more threads.
static LEARNING: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let named = ThreadPoolBuilder::new().thread_name(|at| format!("learning-{at}"));
    named
        .build()
        .inspect_err(|error| tracing::warn!(%error, "learning shares its threads with predictions"))
        .ok()
});

/// Runs a job with long parallel parts on these threads.
pub(super) fn on_learning_threads<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    match &*LEARNING {
        Some(pool) => pool.install(job),
        None => job(),
    }
}
