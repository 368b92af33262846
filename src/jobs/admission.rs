//! How much may run or wait in a queue.
//!
//! Owns the counts of each user. A user that fills a queue does not keep the others out of it. Must not know what the jobs do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a limit applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// The jobs of each user.
    OfEach,
    /// The jobs of all users together; one job of each user is always admitted.
    OfAll,
}

/// The jobs that run or wait. Each has a weight, such as the bytes of its upload.
pub(super) struct Admissions {
    held: Mutex<HashMap<String, Held>>,
    share: Share,
    limit: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    jobs: usize,
    weight: u64,
}

/// A job that runs or waits.
pub(super) struct Admitted {
    admissions: Arc<Admissions>,
    user: String,
    weight: u64,
}

impl Admissions {
    pub(super) fn new(share: Share, limit: u64) -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), share, limit })
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Admits a job until the result is dropped; `None` if that exceeds the limit.
    pub(super) fn admit(self: &Arc<Self>, user: &str, weight: u64) -> Option<Admitted> {
        let mut held = self.lock();
        let own = held.get(user).copied().unwrap_or_default();
        let fits = match self.share {
            Share::OfEach => own.weight.saturating_add(weight) <= self.limit,
            Share::OfAll => {
                let all = held.values().fold(weight, |sum, held| sum.saturating_add(held.weight));
                own.jobs == 0 || all <= self.limit
            }
        };
        fits.then(|| self.added(&mut held, user, weight))
    }

    /// Admits a job whatever the limit is: something else limits the number of such jobs.
    pub(super) fn add(self: &Arc<Self>, user: &str, weight: u64) -> Admitted {
        self.added(&mut self.lock(), user, weight)
    }

    fn added(self: &Arc<Self>, held: &mut HashMap<String, Held>, user: &str, weight: u64) -> Admitted {
        let own = held.entry(user.to_owned()).or_default();
        *own = Held { jobs: own.jobs + 1, weight: own.weight.saturating_add(weight) };
        Admitted { admissions: Arc::clone(self), user: user.to_owned(), weight }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut held = self.admissions.lock();
        let Some(own) = held.get_mut(&self.user) else { return };
        own.jobs = own.jobs.saturating_sub(1);
        own.weight = own.weight.saturating_sub(self.weight);
        if own.jobs == 0 {
            held.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_each_user_does_not_depend_on_the_others() {
        let queue = Admissions::new(Share::OfEach, 2);
        let ann: Vec<_> = (0..2).filter_map(|_| queue.admit("ann", 1)).collect();
        assert_eq!(ann.len(), 2);
        assert!(queue.admit("ann", 1).is_none());
        let ben = queue.admit("ben", 1);
        assert!(ben.is_some());
        drop(ann);
        assert!(queue.admit("ann", 1).is_some());
        drop(ben);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_limit_of_all_users_leaves_room_for_one_job_of_each() {
        let queue = Admissions::new(Share::OfAll, 10);
        let first = queue.admit("ann", 99).expect("the first is admitted, however large it is");
        assert!(queue.admit("ann", 1).is_none());
        let ben = queue.admit("ben", 1).expect("the first of another user");
        assert!(queue.admit("ben", 1).is_none());
        drop(first);
        let second = queue.admit("ben", 9);
        assert!(second.is_some());
        drop((ben, second));
        assert!(queue.is_empty());
    }
}
