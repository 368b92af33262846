//! The metrics of requests.
//!
//! Owns their series: to look one up in its family takes longer than to count, so those that were used are at hand. Must not
//! know which routes there are.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::labels::{ByRoute, ByRouteAndStatus};
use super::registration::{Histograms, registered, seconds};

pub(super) struct RequestMetrics {
    requests: Family<ByRouteAndStatus, Counter>,
    seconds: Histograms<ByRoute>,
    /// Sorted by route and status.
    used: RwLock<Vec<Series>>,
}

/// The series of a route and a status.
struct Series {
    route: String,
    status: u16,
    requests: Counter,
    seconds: Histogram,
}

impl Series {
    fn count(&self, elapsed: Duration) {
        self.requests.inc();
        self.seconds.observe(elapsed.as_secs_f64());
    }
}

impl RequestMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            requests: registered(
                registry,
                "requests",
                "Requests that were answered, by route template and status",
                Family::default(),
            ),
            seconds: registered(
                registry,
                "request_duration_seconds",
                "Time from the head of a request to its response, including the time in a queue",
                Family::new_with_constructor(seconds),
            ),
            used: RwLock::default(),
        }
    }

    /// A request was answered.
    pub(super) fn completed(&self, route: &str, status: u16, elapsed: Duration) {
        let position = |used: &[Series]| {
            used.binary_search_by(|series| (series.route.as_str(), series.status).cmp(&(route, status)))
        };
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        if let Ok(at) = position(&used) {
            return used[at].count(elapsed);
        }
        drop(used);
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        let at = position(&used).unwrap_or_else(|at| {
            used.insert(at, self.series(route, status));
            at
        });
        used[at].count(elapsed);
    }

    fn series(&self, route: &str, status: u16) -> Series {
        let route = route.to_owned();
        Series {
            requests: self.requests.get_or_create_owned(&ByRouteAndStatus { route: route.clone(), status }),
            seconds: self.seconds.get_or_create_owned(&ByRoute { route: route.clone() }),
            route,
            status,
        }
    }
}
