//! Separate thread pools for learning and for imported models. Predictions of other models use rayon's global pool, so they
//! never queue behind these.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// One thread per core; `None` if the system cannot create more threads.
static LEARNING: LazyLock<Option<ThreadPool>> = LazyLock::new(|| pool("learning"));
/// The same for imported models.
static IMPORTED: LazyLock<Option<ThreadPool>> = LazyLock::new(|| pool("imported"));

fn pool(name: &'static str) -> Option<ThreadPool> {
    let builder = ThreadPoolBuilder::new().thread_name(move |index| format!("{name}-{index}"));
    builder
        .build()
        .inspect_err(|error| tracing::warn!(%error, pool = name, "shares the threads of predictions"))
        .ok()
}

/// Runs a training or an evaluation, with its parallel parts, in a pool of its own.
pub(super) fn on_learning_threads<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    run_in(LEARNING.as_ref(), job)
}

/// Runs a prediction of an imported model, with its parallel parts, in a pool of its own.
pub(super) fn on_imported_threads<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    run_in(IMPORTED.as_ref(), job)
}

fn run_in<T: Send>(pool: Option<&ThreadPool>, job: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(job),
        None => job(),
    }
}
