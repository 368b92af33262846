//! The capacity of a queue, which its users share.
//!
//! Owns whose job is next: that of the user with the fewest running jobs, and among these of the one whose last job began
//! first. So a user with many jobs delays the job of another one by no more than the running job that ends first. The jobs of
//! one user start in the order in which they came. Must not know what the jobs do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The capacity of a queue.
pub(super) struct Capacity {
    state: Mutex<State>,
    total: usize,
    /// How many jobs of one user run at once.
    per_user: usize,
}

#[derive(Default)]
struct State {
    running: usize,
    /// One entry for each user that ever had a job, of which a server has few.
    users: HashMap<Arc<str>, User>,
    starts: u64,
}

#[derive(Default)]
struct User {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Permit>>,
    /// When its last job began, in starts of all jobs.
    last_start: u64,
}

/// A running job. The next one starts when this is dropped.
pub(super) struct Permit {
    capacity: Arc<Capacity>,
    user: Arc<str>,
}

impl Capacity {
    /// `total` jobs run at once, and `per_user` of one user; at least one each.
    pub(super) fn new(total: usize, per_user: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), total: total.max(1), per_user: per_user.max(1) })
    }

    /// The number of jobs that run.
    pub(super) fn running(&self) -> usize {
        self.lock().running
    }

    /// Waits for the turn of a job of this user. Dropping the future gives it up.
    pub(super) async fn acquire(self: &Arc<Self>, user: &Arc<str>) -> Permit {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.lock();
            let waiting = &mut state.users.entry(Arc::clone(user)).or_default().waiting;
            waiting.retain(|waiting| !waiting.is_closed());
            waiting.push_back(sender);
        }
        self.start_next();
        match receiver.await {
            Ok(permit) => permit,
            // The queue keeps the sender until it is used, so this does not happen.
            Err(_) => std::future::pending().await,
        }
    }

    /// Starts waiting jobs while there is capacity.
    fn start_next(self: &Arc<Self>) {
        while let Some((sender, user)) = self.take_next() {
            // A job that was given up in between returns its permit, outside of the lock.
            drop(sender.send(Permit { capacity: Arc::clone(self), user }));
        }
    }

    fn take_next(&self) -> Option<(oneshot::Sender<Permit>, Arc<str>)> {
        let mut state = self.lock();
        if state.running >= self.total {
            return None;
        }
        let (sender, name) = loop {
            let may_start = |user: &User| user.running < self.per_user && !user.waiting.is_empty();
            let candidates = state.users.iter_mut().filter(|(_, user)| may_start(user));
            let (name, user) = candidates.min_by_key(|(_, user)| (user.running, user.last_start))?;
            // A job that was given up is only taken out.
            if let Some(sender) = user.waiting.pop_front().filter(|sender| !sender.is_closed()) {
                break (sender, Arc::clone(name));
            }
        };
        state.running += 1;
        state.starts += 1;
        let start = state.starts;
        let user = state.users.entry(Arc::clone(&name)).or_default();
        user.running += 1;
        user.last_start = start;
        Some((sender, name))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.capacity.lock();
            state.running = state.running.saturating_sub(1);
            if let Some(user) = state.users.get_mut(&self.user) {
                user.running = user.running.saturating_sub(1);
            }
        }
        self.capacity.start_next();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    type WaitingJob = std::pin::Pin<Box<dyn Future<Output = Permit>>>;

    /// Jobs of users that wait, in the order in which they came.
    struct Queue {
        capacity: Arc<Capacity>,
        waiting: Vec<(&'static str, WaitingJob)>,
    }

    impl Queue {
        fn new(total: usize, per_user: usize) -> Self {
            Self { capacity: Capacity::new(total, per_user), waiting: Vec::new() }
        }

        fn push(&mut self, user: &'static str) {
            let (capacity, name) = (Arc::clone(&self.capacity), Arc::from(user));
            let mut waiting = Box::pin(async move { capacity.acquire(&name).await });
            assert!(waiting.as_mut().now_or_never().is_none(), "all capacity is taken");
            self.waiting.push((user, waiting));
        }

        /// The users whose jobs have started, with their permits.
        fn started(&mut self) -> Vec<(&'static str, Permit)> {
            let mut started = Vec::new();
            self.waiting.retain_mut(|(user, waiting)| match waiting.as_mut().now_or_never() {
                Some(permit) => {
                    started.push((*user, permit));
                    false
                }
                None => true,
            });
            started
        }
    }

    fn running(queue: &Queue, user: &str) -> Permit {
        let user = Arc::from(user);
        queue.capacity.acquire(&user).now_or_never().expect("there is capacity")
    }

    #[test]
    fn a_user_with_many_jobs_delays_another_one_by_a_single_job() {
        let mut queue = Queue::new(1, usize::MAX);
        let mut current = running(&queue, "ann");
        (0..50).for_each(|_| queue.push("ann"));
        queue.push("ben");
        queue.push("ben");
        let mut order = Vec::new();
        for _ in 0..5 {
            drop(current);
            let mut started = queue.started();
            assert_eq!(started.len(), 1);
            let (user, permit) = started.remove(0);
            order.push(user);
            current = permit;
        }
        assert_eq!(order, ["ben", "ann", "ben", "ann", "ann"]);
    }

    #[test]
    fn the_user_with_the_fewest_running_jobs_is_next() {
        let mut queue = Queue::new(3, usize::MAX);
        let mut ann: Vec<_> = (0..3).map(|_| running(&queue, "ann")).collect();
        queue.push("ann");
        queue.push("ben");
        ann.pop();
        let started = queue.started();
        assert_eq!(started.iter().map(|(user, _)| *user).collect::<Vec<_>>(), ["ben"]);
        assert_eq!(queue.capacity.running(), 3);
    }

    #[test]
    fn a_user_beyond_its_share_waits_while_there_is_capacity() {
        let mut queue = Queue::new(3, 1);
        let first = running(&queue, "ann");
        queue.push("ann");
        let other = running(&queue, "ben");
        assert!(queue.started().is_empty());
        drop(first);
        assert_eq!(queue.started().len(), 1);
        drop(other);
    }

    #[test]
    fn a_job_that_is_given_up_takes_no_capacity() {
        let mut queue = Queue::new(1, usize::MAX);
        let first = running(&queue, "ann");
        queue.push("ann");
        queue.push("ann");
        // The first one is given up while it waits, the second one after it got its turn.
        drop(queue.waiting.remove(0));
        drop(first);
        assert_eq!(queue.capacity.running(), 1);
        queue.waiting.clear();
        assert_eq!(queue.capacity.running(), 0);
        drop(running(&queue, "ben"));
    }
}
