//! Switches log lines, spans and counting off and on again while the server runs, to measure what they cost
//! (docs/monitoring.md): two processes differ by more than that.
//!
//! Owns the state, which only a program with the feature `monitoring-switch` can change. Must not know who measures.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_OFF: AtomicBool = AtomicBool::new(false);

/// Whether nothing is logged and counted.
pub(super) fn is_off() -> bool {
    cfg!(feature = "monitoring-switch") && IS_OFF.load(Ordering::Relaxed)
}

#[cfg(feature = "monitoring-switch")]
pub(crate) mod measuring {
    use tracing::subscriber::Interest;
    use tracing::{Metadata, Subscriber};
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::{Context, Layer};

    use super::{IS_OFF, Ordering, is_off};

    /// Switches monitoring.
    pub(crate) fn switch(on: bool) {
        IS_OFF.store(!on, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// A filter that lets nothing through while monitoring is off: each place that logs then compares one number.
    pub(crate) struct Switchable(pub(crate) Targets);

    impl<S: Subscriber> Layer<S> for Switchable {
        fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
            if is_off() { Interest::never() } else { Layer::<S>::register_callsite(&self.0, metadata) }
        }

        fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
            !is_off() && Layer::<S>::enabled(&self.0, metadata, context)
        }

        fn max_level_hint(&self) -> Option<LevelFilter> {
            if is_off() { Some(LevelFilter::OFF) } else { Layer::<S>::max_level_hint(&self.0) }
        }
    }
}
