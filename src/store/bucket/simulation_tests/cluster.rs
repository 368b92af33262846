//! Several servers on one bucket, and their clients: what each of them does, by seed.
//!
//! Owns the choice of the operations and what the clients record. Must not know which histories are right.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::history::{Event, What};
use super::jobs;
use super::mutation::Mutation;
use super::objects::ServerObjects;
use super::world::{Crash, Simulation};
use super::{hash, id};
use crate::store::bucket::epoch::Epoch;
use crate::store::bucket::keys::{GENERATIONS, RUN_IDS};
use crate::store::bucket::pointer::Pointer;
use crate::store::{ModelDir, Retention, Store, StoreError};

/// How often a client sends again what was not acknowledged.
const SENDS: usize = 3;

/// How long a history is, and what is in it.
#[derive(Debug, Clone, Copy)]
struct Plan {
    clients: usize,
    servers: usize,
    operations: u64,
    retention: Retention,
    /// In percent.
    deletions: u64,
    rollbacks: u64,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let retention = Retention { generations: 1 + (seed % 3) as usize, runs: 2, ..Retention::USUAL };
        let clients = 2 + (seed / 3 % 3) as usize;
        let [deletions, rollbacks] = [[0, 0], [30, 0], [0, 15], [10, 10]][(seed / 9 % 4) as usize];
        Self {
            clients,
            servers: 2 + (seed / 36 % 2) as usize,
            operations: 6,
            retention,
            deletions,
            rollbacks,
        }
    }
}

/// The servers of one simulation.
struct Cluster {
    simulation: Arc<Simulation>,
    retention: Retention,
    /// The store of each server, with the start that opened it.
    stores: Vec<Mutex<(u64, Store)>>,
}

/// A client, and the server that answers it.
struct Client<'a> {
    cluster: &'a Cluster,
    server: Rc<Cell<usize>>,
}

/// What a seed leads to.
pub(super) struct Outcome {
    /// What is wrong.
    pub(super) problem: Option<String>,
    /// Equal for equal histories.
    pub(super) digest: u64,
}

/// Runs the history of a seed.
pub(super) fn run(seed: u64, mutation: Option<Mutation>) -> Outcome {
    let plan = Plan::of(seed);
    let simulation = Simulation::new(seed, plan.clients, plan.servers, mutation);
    let stores =
        (0..plan.servers).map(|server| Mutex::new((0, open(&simulation, server, 0, plan.retention))));
    let cluster =
        Cluster { simulation: Arc::clone(&simulation), retention: plan.retention, stores: stores.collect() };
    thread::scope(|scope| {
        for client in 0..plan.clients {
            let cluster = &cluster;
            scope.spawn(move || cluster.client(client, plan));
        }
    });
    // In a thread of its own, too: it replaces the clock of the thread.
    thread::scope(|scope| scope.spawn(|| cluster.last_client()).join().map_err(drop)).expect("it ends");
    let world = simulation.world();
    Outcome { problem: world.history.problem(), digest: world.digest() }
}

fn open(simulation: &Arc<Simulation>, server: usize, start: u64, retention: Retention) -> Store {
    let objects = ServerObjects { simulation: Arc::clone(simulation), server, start };
    Store::on(Arc::new(objects)).with_retention(retention)
}

impl Cluster {
    fn client(&self, number: usize, plan: Plan) {
        let client = Client { cluster: self, server: Rc::default() };
        self.simulation.enter(number, Rc::clone(&client.server));
        client.survives(|| (0..plan.operations).for_each(|_| client.operate(plan)));
        self.simulation.leave();
    }

    /// After all others, without faults: everything works, and what no pointer names is removed.
    fn last_client(&self) {
        let client = Client { cluster: self, server: Rc::default() };
        self.simulation.calm(Rc::clone(&client.server));
        client.survives(|| {
            client.age();
            client.train(1_000_000);
            client.read();
            client.examine();
            client.prune();
            client.read();
            client.read_run();
            if let Err(problem) = self.only_named_objects() {
                self.simulation.world().history.breaks(problem);
            }
        });
    }

    fn only_named_objects(&self) -> Result<(), String> {
        let memory = &self.simulation.memory;
        let epoch = Epoch::read(memory, &id()).map_err(|error| error.to_string())?;
        let prefix = super::super::keys::of_model(&id(), &epoch, &hash());
        let pointer = Pointer::read(memory, &prefix).map_err(|error| error.to_string())?;
        let (pointer, _) = pointer.ok_or("no model after a training")?;
        let is_named = |key: &String| match key.strip_prefix(&prefix) {
            Some(name) if name.starts_with(GENERATIONS) => {
                pointer.publications().any(|named| name.contains(named))
            }
            Some(name) => !name.starts_with(RUN_IDS),
            None => key.ends_with("deletion.json"),
        };
        let left = memory.keys().into_iter().find(|key| !is_named(key));
        left.map_or(Ok(()), |key| Err(format!("{key} is left")))
    }
}

impl Client<'_> {
    fn simulation(&self) -> &Simulation {
        &self.cluster.simulation
    }

    fn below(&self, bound: u64) -> u64 {
        self.simulation().world().below(bound)
    }

    /// Records a panic as the problem of the history: the other threads must go on.
    fn survives(&self, work: impl FnOnce()) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(work)) else { return };
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        self.simulation().world().history.breaks(text.unwrap_or_else(|| "a panic".to_owned()));
    }

    fn operate(&self, plan: Plan) {
        let roll = self.below(100);
        let deletions = plan.deletions;
        let removals = deletions + plan.rollbacks;
        match roll {
            _ if roll < deletions => self.delete(),
            _ if roll < removals => self.roll_back(),
            ..50 => self.train(self.any_batch()),
            50..65 => self.read(),
            65..75 => self.evaluate(),
            75..82 => self.read_run(),
            82..90 => self.prune(),
            90..96 => self.examine(),
            _ => self.age(),
        }
    }

    /// A new batch, or sometimes one that was sent before.
    fn any_batch(&self) -> u32 {
        let mut world = self.simulation().world();
        let sent = world.history.events.iter().filter_map(|event| match event.what {
            What::Train(batch) => Some(batch),
            _ => None,
        });
        let sent: Vec<u32> = sent.collect();
        if !sent.is_empty() && world.percent(15) {
            return sent[world.below(sent.len() as u64) as usize];
        }
        // Unique without a counter that the threads share: the step only grows.
        world.step as u32
    }

    /// Lets some server do a job; `None` if it failed or died.
    fn on_server<T>(
        &self,
        is_exclusive: bool,
        job: impl FnOnce(&Store, &ModelDir) -> Result<T, StoreError>,
    ) -> Option<T> {
        let simulation = self.simulation();
        simulation.begin_job();
        let server = self.below(self.cluster.stores.len() as u64) as usize;
        self.server.set(server);
        if is_exclusive {
            simulation.lock(server);
        }
        let store = self.store(server);
        let model_dir = store.model(&id(), &hash());
        let done = catch_unwind(AssertUnwindSafe(|| job(&store, &model_dir)));
        if is_exclusive {
            simulation.unlock(server);
        }
        simulation.end_job();
        match done {
            Ok(Ok(value)) => Some(value),
            Ok(Err(damage @ StoreError::Corrupt { .. })) => {
                simulation.world().history.breaks(damage.to_string());
                None
            }
            Ok(Err(_)) => None,
            Err(panic) if panic.is::<Crash>() => None,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// The store of a server, opened anew if the server has died.
    fn store(&self, server: usize) -> Store {
        let mut open_store = self.cluster.stores[server].lock().unwrap_or_else(PoisonError::into_inner);
        let start = self.simulation().world().starts[server];
        if open_store.0 != start {
            *open_store = (start, open(&self.cluster.simulation, server, start, self.cluster.retention));
        }
        open_store.1.clone()
    }

    /// Records an operation. It is there from its start on, so that others see that it may have an effect.
    fn recorded<T>(&self, what: What, operate: impl FnOnce() -> Option<T>) -> Option<T> {
        let index = {
            let mut world = self.simulation().world();
            let start = world.step;
            world.history.events.push(Event { start, end: u64::MAX, is_acknowledged: false, what });
            world.history.events.len() - 1
        };
        let done = operate();
        let mut world = self.simulation().world();
        let end = world.step;
        let event = &mut world.history.events[index];
        (event.end, event.is_acknowledged) = (end, done.is_some());
        done
    }

    fn train(&self, batch: u32) {
        for _ in 0..SENDS {
            let send = || self.on_server(true, |_, model_dir| jobs::train(model_dir, batch));
            if self.recorded(What::Train(batch), send).is_some() {
                return;
            }
        }
    }

    fn delete(&self) {
        for _ in 0..SENDS {
            let send = || self.on_server(false, |store, _| jobs::delete(store));
            if self.recorded(What::Delete, send).is_some() {
                return;
            }
        }
    }

    fn roll_back(&self) {
        self.recorded(What::RollBack, || self.on_server(true, |_, model_dir| jobs::roll_back(model_dir)));
    }

    /// Records what was read, if anything.
    fn observed<T>(&self, operate: impl FnOnce() -> Option<T>, what: impl FnOnce(T) -> What) {
        let start = self.simulation().world().step;
        let Some(value) = operate() else { return };
        let mut world = self.simulation().world();
        let end = world.step;
        world.history.events.push(Event { start, end, is_acknowledged: true, what: what(value) });
    }

    fn read(&self) {
        self.observed(|| self.on_server(false, |_, model_dir| jobs::read(model_dir)), What::Read);
    }

    fn evaluate(&self) {
        let content = self.simulation().world().step as u32;
        let evaluate = || self.on_server(false, |_, model_dir| jobs::evaluate(model_dir, content));
        self.observed(evaluate, |run| What::Evaluate(run.0, content));
    }

    /// Reads one of the runs that were stored.
    fn read_run(&self) {
        let runs = |event: &Event| if let What::Evaluate(run, _) = event.what { Some(run) } else { None };
        let runs: Vec<u64> = self.simulation().world().history.events.iter().filter_map(runs).collect();
        if runs.is_empty() {
            return;
        }
        let run = runs[self.below(runs.len() as u64) as usize];
        let read = || self.on_server(false, |_, model_dir| jobs::read_run(model_dir, run));
        self.observed(read, |content| What::ReadRun(run, content));
    }

    fn prune(&self) {
        self.on_server(true, |store, _| jobs::prune(store));
    }

    fn examine(&self) {
        let damage = self.on_server(true, jobs::examine).flatten();
        if let Some(damage) = damage {
            self.simulation().world().history.breaks(damage);
        }
    }

    fn age(&self) {
        let age = || {
            self.simulation().age();
            Some(())
        };
        self.recorded(What::Age, age);
    }
}
