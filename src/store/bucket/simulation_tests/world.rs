//! The simulated world: which thread goes on, the clocks, the faults, and the requests that arrive late.
//!
//! Owns all decisions of a seed. Exactly one thread runs at a time; it hands on the turn at each request. Must not know the
//! protocol.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::history::History;
use super::mutation::Mutation;
use crate::store::bucket::memory::Memory;
use crate::store::bucket::outside::Outside;

/// The end of a thread of a server that dies.
pub(super) struct Crash;

/// More requests than any history needs: a server tries for ever.
const MAX_STEPS: u64 = 50_000;
const DAY: u64 = 24 * 60 * 60 * 1000;
/// S3 refuses requests of servers whose clock differs more.
const MAX_SKEW: u64 = 15 * 60 * 1000;

/// All that the threads of one simulation share.
#[derive(Debug)]
pub(super) struct Simulation {
    world: Mutex<World>,
    turns: Vec<Condvar>,
    pub(super) memory: Memory,
    pub(super) mutation: Option<Mutation>,
}

/// The state that only the running thread uses.
#[derive(Debug)]
pub(super) struct World {
    random: ChaCha8Rng,
    turn: usize,
    alive: BTreeSet<usize>,
    /// How probable it is, in percent, that the same thread goes on.
    stays: u64,
    pub(super) step: u64,
    /// The clock of the object store.
    pub(super) now: u64,
    /// By how much the clocks of the servers are ahead of it.
    skews: Vec<u64>,
    /// How often each server was started.
    pub(super) starts: Vec<u64>,
    /// Servers with a job that changes the model.
    locked: BTreeSet<usize>,
    /// Jobs that run.
    busy: usize,
    /// Threads that wait until no job runs, to let a day pass.
    aging: usize,
    /// In percent.
    pub(super) faults: u64,
    /// In per mille.
    crashes: u64,
    pub(super) late: Vec<(u64, Request)>,
    /// Puts that a mutation holds back, with their thread.
    pub(super) held_back: Vec<(usize, String, Vec<u8>)>,
    /// Of all requests: equal for equal histories.
    pub(super) trace: DefaultHasher,
    pub(super) history: History,
}

/// A request that the object store gets late.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) key: String,
    /// The content of a put, with its condition; `None` for a removal.
    pub(super) put: Option<(Vec<u8>, super::objects::OwnCondition)>,
}

thread_local!(static THREAD: Cell<usize> = const { Cell::new(0) });

impl Simulation {
    pub(super) fn new(seed: u64, threads: usize, servers: usize, mutation: Option<Mutation>) -> Arc<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |bound: u64| random.next_u64() % bound;
        // Servers in one room, or anywhere.
        let skew = [1, 50, 2 * MAX_SKEW][below(3) as usize];
        let world = World {
            turn: 0,
            alive: (0..threads).collect(),
            stays: [0, 30, 60, 90][below(4) as usize],
            step: 0,
            now: 1_800_000_000_000,
            skews: (0..servers).map(|_| MAX_SKEW - skew / 2 + below(skew)).collect(),
            starts: vec![0; servers],
            locked: BTreeSet::new(),
            busy: 0,
            aging: 0,
            faults: [0, 5, 10, 25][below(4) as usize],
            crashes: [0, 5, 20][below(3) as usize],
            late: Vec::new(),
            held_back: Vec::new(),
            trace: DefaultHasher::new(),
            history: History::default(),
            random,
        };
        let turns = (0..threads).map(|_| Condvar::new()).collect();
        Arc::new(Self { world: Mutex::new(world), turns, memory: Memory::default(), mutation })
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the calling thread one of the simulation, and waits for its turn.
    pub(super) fn enter(self: &Arc<Self>, thread: usize, server: Rc<Cell<usize>>) {
        THREAD.set(thread);
        <dyn Outside>::set(Rc::new(ServerOutside { simulation: Arc::clone(self), server }));
        self.wait(self.world(), thread);
    }

    fn wait(&self, world: MutexGuard<'_, World>, thread: usize) {
        let waited = self.turns[thread].wait_while(world, |world| world.turn != thread);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Gives other threads the turn.
    pub(super) fn pause(&self) {
        let thread = THREAD.get();
        let mut world = self.world();
        world.step += 1;
        let passed = world.below(3);
        world.now += passed;
        if world.step > MAX_STEPS {
            world.history.breaks("the servers make no progress");
            drop(world);
            resume_unwind(Box::new(Crash));
        }
        let stays = world.stays;
        if world.percent(stays) || world.alive.len() < 2 {
            return;
        }
        let next = world.next_thread();
        world.turn = next;
        if next != thread {
            self.turns[next].notify_one();
            self.wait(world, thread);
        }
    }

    /// Ends the calling thread's part.
    pub(super) fn leave(&self) {
        let mut world = self.world();
        world.alive.remove(&THREAD.get());
        if !world.alive.is_empty() {
            world.turn = world.next_thread();
            self.turns[world.turn].notify_one();
        }
    }

    /// Makes the calling thread the only one that is left, without faults.
    pub(super) fn calm(self: &Arc<Self>, server: Rc<Cell<usize>>) {
        let mut world = self.world();
        (world.faults, world.crashes, world.turn) = (0, 0, 0);
        world.alive.insert(0);
        drop(world);
        self.enter(0, server);
    }

    /// Executes the late requests that are due.
    pub(super) fn arrive(&self, step: u64) {
        let mut world = self.world();
        let now = world.now;
        let (due, later) = std::mem::take(&mut world.late).into_iter().partition(|(due, _)| *due <= step);
        world.late = later;
        let due: Vec<(u64, Request)> = due;
        for (_, request) in due {
            match request.put {
                Some((bytes, condition)) => {
                    drop(self.memory.put_at(&request.key, bytes, condition.as_ref(), now));
                }
                None => self.memory.damage(&request.key, None),
            }
        }
    }

    /// Begins a job, which no day passes until [`Self::end_job`].
    pub(super) fn begin_job(&self) {
        self.until(|world| world.aging == 0, |world| world.busy += 1);
    }

    pub(super) fn end_job(&self) {
        self.world().busy -= 1;
    }

    /// Waits until no other job of this server changes the model: waiting inside of the store would block all threads.
    pub(super) fn lock(&self, server: usize) {
        self.until(
            |world| !world.locked.contains(&server),
            |world| {
                world.locked.insert(server);
            },
        );
    }

    pub(super) fn unlock(&self, server: usize) {
        self.world().locked.remove(&server);
    }

    /// Lets a day pass. No job and no request takes so long.
    pub(super) fn age(&self) {
        self.world().aging += 1;
        self.until(|world| world.busy == 0, |_| ());
        self.arrive(u64::MAX);
        let mut world = self.world();
        world.now += DAY + DAY / 24;
        world.aging -= 1;
    }

    fn until(&self, is_so: impl Fn(&World) -> bool, then: impl FnOnce(&mut World)) {
        loop {
            self.pause();
            let mut world = self.world();
            if is_so(&world) {
                return then(&mut world);
            }
        }
    }
}

impl World {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    pub(super) fn percent(&mut self, probability: u64) -> bool {
        self.below(100) < probability
    }

    fn next_thread(&mut self) -> usize {
        let index = self.below(self.alive.len() as u64) as usize;
        self.alive.iter().copied().nth(index).expect("a thread is alive")
    }

    /// Whether the server dies now, and whether its clock jumps.
    pub(super) fn dies(&mut self, server: usize) -> bool {
        if self.faults > 0 && self.below(500) == 0 {
            let skew = self.below(2 * MAX_SKEW);
            self.skews[server] = skew;
        }
        let dies = self.below(1000) < self.crashes;
        self.starts[server] += u64::from(dies);
        dies
    }

    pub(super) fn record(&mut self, what: &str, key: &str) {
        (thread(), what, key).hash(&mut self.trace);
    }

    pub(super) fn digest(&self) -> u64 {
        self.trace.finish()
    }
}

/// The number of the calling thread.
pub(super) fn thread() -> usize {
    THREAD.get()
}

/// The clock of the server whose job the thread runs.
#[derive(Debug)]
struct ServerOutside {
    simulation: Arc<Simulation>,
    server: Rc<Cell<usize>>,
}

impl Outside for ServerOutside {
    fn now(&self) -> u64 {
        let world = self.simulation.world();
        world.now - MAX_SKEW + world.skews[self.server.get()]
    }

    fn nonce(&self) -> String {
        format!("{:016x}", self.simulation.world().random.next_u64())
    }
}
