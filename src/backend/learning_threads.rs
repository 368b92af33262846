//! Where learning computes: on threads of its own, so that a prediction, which
//! uses rayon's common threads, never queues behind a training.

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

/// Runs a job whose parallel parts take long.
pub(super) fn at_length<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    match &*LEARNING {
        Some(pool) => pool.install(job),
        None => job(),
    }
}
