//! A separate thread pool for learning. Predictions use rayon's global pool, so they never queue behind a training.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// One thread per core; `None` if the system cannot create more threads.
static LEARNING: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let builder = ThreadPoolBuilder::new().thread_name(|index| format!("learning-{index}"));
    builder
        .build()
        .inspect_err(|error| tracing::warn!(%error, "learning shares its threads with predictions"))
        .ok()
});

/// Runs a job, with its parallel parts, in this pool.
pub(super) fn on_learning_threads<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    match &*LEARNING {
        Some(pool) => pool.install(job),
        None => job(),
    }
}
