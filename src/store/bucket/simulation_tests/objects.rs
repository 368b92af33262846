//! The object store as one server sees it: each request may fail, be done twice or late, and is the last one if the server
//! dies.
//!
//! Owns what each fault does to a request. Must not know the protocol, except for the mutations of it.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};

use serde_json::{Value, json};

use super::mutation::Mutation;
use super::world::{Crash, Request, Simulation, World, thread};
use crate::store::bucket::keys::{DELETION, GENERATIONS, POINTER};
use crate::store::bucket::memory::version;
use crate::store::bucket::objects::{Condition, Got, Listed, Objects, Unavailable, Version};

/// The connection of one server, from its start to its end.
#[derive(Debug)]
pub(super) struct ServerObjects {
    pub(super) simulation: Arc<Simulation>,
    pub(super) server: usize,
    /// Which start of the server this is.
    pub(super) start: u64,
}

/// What happens to a request that changes something.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    AnswerLost,
    NotDone,
    /// The answer of the first attempt is lost, and the client tries again.
    Retried,
    /// The client gets an error, and the request arrives later.
    Late,
    /// It is done, and once more later.
    Duplicated,
}

/// A condition of a request that arrives late.
#[derive(Debug, Clone)]
pub(super) enum OwnCondition {
    Any,
    Absent,
    Is(Version),
}

impl OwnCondition {
    fn of(condition: Condition<'_>) -> Self {
        match condition {
            Condition::Any => Self::Any,
            Condition::Absent => Self::Absent,
            Condition::Is(version) => Self::Is(version.clone()),
        }
    }

    pub(super) fn as_ref(&self) -> Condition<'_> {
        match self {
            Self::Any => Condition::Any,
            Self::Absent => Condition::Absent,
            Self::Is(version) => Condition::Is(version),
        }
    }
}

impl ServerObjects {
    /// Waits for the turn; the server may die instead.
    fn request(&self, what: &'static str, key: &str) -> Result<MutexGuard<'_, World>, Unavailable> {
        // The server has died: what its values do when they are dropped does not happen.
        if std::thread::panicking() {
            return Err(self.unavailable(what, key));
        }
        self.simulation.pause();
        let step = self.simulation.world().step;
        self.simulation.arrive(step);
        let mut world = self.simulation.world();
        world.record(what, key);
        if world.starts[self.server] != self.start || world.dies(self.server) {
            world.held_back.retain(|(holder, ..)| *holder != thread());
            drop(world);
            resume_unwind(Box::new(Crash));
        }
        Ok(world)
    }

    fn unavailable(&self, action: &'static str, key: &str) -> Unavailable {
        Unavailable { action, address: self.address(key), source: "simulated".into(), is_final: false }
    }

    /// A request that changes nothing.
    fn ask(&self, what: &'static str, key: &str) -> Result<(), Unavailable> {
        let mut world = self.request(what, key)?;
        let fails = world.faults / 4;
        if world.percent(fails) { Err(self.unavailable(what, key)) } else { Ok(()) }
    }

    fn is_mutated(&self, mutation: Mutation) -> bool {
        self.simulation.mutation == Some(mutation)
    }

    fn mutated<'a>(&self, condition: Condition<'a>) -> Condition<'a> {
        match condition {
            Condition::Is(_) if self.is_mutated(Mutation::UnconditionalUpdate) => Condition::Any,
            Condition::Absent if self.is_mutated(Mutation::UnconditionalCreate) => Condition::Any,
            kept => kept,
        }
    }

    fn put_once(
        &self,
        key: &str,
        bytes: &[u8],
        condition: Condition<'_>,
    ) -> Result<Option<Version>, Unavailable> {
        const ACTION: &str = "store";
        let mut world = self.request(ACTION, key)?;
        let now = world.now;
        let store = || self.simulation.memory.put_at(key, bytes.to_vec(), condition, now);
        let late =
            || Request { key: key.to_owned(), put: Some((bytes.to_vec(), OwnCondition::of(condition))) };
        match world.fate() {
            Fate::Answered => Ok(store()),
            Fate::AnswerLost => {
                store();
                Err(self.unavailable(ACTION, key))
            }
            Fate::NotDone => Err(self.unavailable(ACTION, key)),
            Fate::Retried => {
                store();
                Ok(store())
            }
            Fate::Late => {
                world.later(late());
                Err(self.unavailable(ACTION, key))
            }
            Fate::Duplicated => {
                world.later(late());
                Ok(store())
            }
        }
    }

    /// The puts that a mutation has held back.
    fn put_held_back(&self) -> Result<(), Unavailable> {
        let held = std::mem::take(&mut self.simulation.world().held_back);
        let (own, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|(holder, ..)| *holder == thread());
        self.simulation.world().held_back = others;
        own.into_iter().try_for_each(|(_, key, bytes)| self.put_once(&key, &bytes, Condition::Any).map(drop))
    }
}

impl World {
    fn fate(&mut self) -> Fate {
        let faults = self.faults;
        if !self.percent(faults) {
            return Fate::Answered;
        }
        let fates = [Fate::AnswerLost, Fate::NotDone, Fate::Retried, Fate::Late, Fate::Duplicated];
        fates[self.below(fates.len() as u64) as usize]
    }

    fn later(&mut self, request: Request) {
        let due = self.step + 1 + self.below(60);
        self.late.push((due, request));
    }
}

impl Objects for ServerObjects {
    fn address(&self, key: &str) -> PathBuf {
        self.simulation.memory.address(key)
    }

    fn get(&self, key: &str, unless: Option<&Version>) -> Result<Got, Unavailable> {
        self.ask("read", key)?;
        let got = self.simulation.memory.get(key, unless)?;
        Ok(match got {
            Got::Found(bytes, version)
                if key.ends_with(POINTER) && self.is_mutated(Mutation::BelievedRefusal) =>
            {
                Got::Found(without_recent(&bytes), version)
            }
            got => got,
        })
    }

    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Option<Version>, Unavailable> {
        if key.ends_with(DELETION) && self.is_mutated(Mutation::DeletionWithoutEpoch) {
            return Ok(Some(version(&bytes)));
        }
        if key.contains(GENERATIONS) && self.is_mutated(Mutation::PointerFirst) {
            let new = version(&bytes);
            self.simulation.world().held_back.push((thread(), key.to_owned(), bytes));
            return Ok(Some(new));
        }
        let put = self.put_once(key, &bytes, self.mutated(condition));
        if !key.ends_with(POINTER) {
            return put;
        }
        self.put_held_back()?;
        if put.is_err() && self.is_mutated(Mutation::UnknownIsRefused) { Ok(None) } else { put }
    }

    fn delete(&self, key: &str) -> Result<(), Unavailable> {
        const ACTION: &str = "remove";
        let mut world = self.request(ACTION, key)?;
        let fate = world.fate();
        if matches!(fate, Fate::Late | Fate::Duplicated) {
            world.later(Request { key: key.to_owned(), put: None });
        }
        if !matches!(fate, Fate::Late | Fate::NotDone) {
            self.simulation.memory.delete(key)?;
        }
        match fate {
            Fate::Answered | Fate::Retried | Fate::Duplicated => Ok(()),
            Fate::AnswerLost | Fate::NotDone | Fate::Late => Err(self.unavailable(ACTION, key)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, Unavailable> {
        self.ask("list", prefix)?;
        let mut listed = self.simulation.memory.list(prefix)?;
        if self.is_mutated(Mutation::PruneWithoutAge) {
            listed.iter_mut().for_each(|object| object.stored_at = 0);
        }
        Ok(listed)
    }

    fn directories(&self, prefix: &str) -> Result<Vec<String>, Unavailable> {
        self.ask("list", prefix)?;
        self.simulation.memory.directories(prefix)
    }
}

/// The content of a pointer without the names of the last publications.
fn without_recent(pointer: &[u8]) -> Vec<u8> {
    let mut pointer: Value = serde_json::from_slice(pointer).expect("it is JSON");
    pointer["recent"] = json!([]);
    pointer.to_string().into_bytes()
}
