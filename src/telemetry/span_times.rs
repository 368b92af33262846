//! How long the phases of an operation took: the spans with the names of [`PHASES`] within the span of the operation.
//!
//! Owns the names and the sums. Must not know what happens in a phase. A phase that is entered several times is added up.

use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// The phases of trainings and evaluations.
const PHASES: [&str; 6] = ["parse", "merge", "select", "fit", "evaluate", "publish"];

/// The time of each phase in seconds; `None` for those that did not take place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PhaseTimes([Option<Duration>; PHASES.len()]);

impl PhaseTimes {
    /// The phases within a span so far.
    pub(crate) fn of(span: &Span) -> Self {
        let read = |(id, dispatch): (&Id, &tracing::Dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            span.extensions().get::<Self>().copied()
        };
        span.with_subscriber(read).flatten().unwrap_or_default()
    }

    /// The time of a phase in seconds.
    pub(crate) fn seconds(&self, phase: &str) -> Option<f64> {
        self.0[index(phase)?].map(|time| time.as_secs_f64())
    }
}

fn index(name: &str) -> Option<usize> {
    PHASES.iter().position(|phase| *phase == name)
}

/// When a phase began.
struct Begun(usize, Instant);

/// Adds the time of each phase to the span around it.
pub(super) struct SpanTimes;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanTimes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(phase), Some(span)) = (index(attributes.metadata().name()), context.span(id)) else {
            return;
        };
        span.extensions_mut().insert(Begun(phase, Instant::now()));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let begun = span.extensions_mut().remove::<Begun>();
        let (Some(Begun(phase, begun)), Some(parent)) = (begun, span.parent()) else { return };
        let mut extensions = parent.extensions_mut();
        let mut times = extensions.remove::<PhaseTimes>().unwrap_or_default();
        *times.0[phase].get_or_insert_default() += begun.elapsed();
        extensions.insert(times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn phases_are_added_up_within_their_operation_and_other_spans_are_not() {
        let subscriber = Registry::default().with(SpanTimes);
        tracing::subscriber::with_default(subscriber, || {
            let operation = tracing::info_span!("training");
            operation.in_scope(|| {
                for _ in 0..2 {
                    tracing::info_span!("parse").in_scope(|| thread::sleep(Duration::from_millis(10)));
                }
                tracing::info_span!("other").in_scope(|| ());
            });
            let elsewhere = tracing::info_span!(parent: &operation, "fit");
            thread::spawn(move || drop(elsewhere)).join().expect("no panic");
            let times = PhaseTimes::of(&operation);
            assert!(times.seconds("parse").is_some_and(|seconds| seconds >= 0.02), "{times:?}");
            assert!(times.seconds("fit").is_some_and(|seconds| seconds < 0.01), "{times:?}");
            assert_eq!((times.seconds("merge"), times.seconds("other")), (None, None));
        });
    }

    #[test]
    fn without_a_subscriber_there_are_no_times() {
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
            let operation = tracing::info_span!("training");
            operation.in_scope(|| tracing::info_span!("parse").in_scope(|| ()));
            assert_eq!(PhaseTimes::of(&operation), PhaseTimes::default());
        });
    }
}
