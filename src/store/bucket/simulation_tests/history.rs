//! What clients saw, and which histories are right.
//!
//! Owns the check: to clients, each operation takes effect at one moment between its start and its end. Must not know how a
//! model is stored.

use std::collections::BTreeSet;

/// The operations of all clients.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
    /// What is wrong whatever else happened.
    broken: Option<String>,
}

/// An operation between two moments.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether the client knows that it was done. If not, it may have been done, or be done later.
    pub(super) is_acknowledged: bool,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A batch was sent for training.
    Train(u32),
    /// The batches of the current model, in the order of their trainings.
    Read(Vec<u32>),
    Delete,
    RollBack,
    /// An evaluation run was stored, with its id and its content.
    Evaluate(u64, u32),
    /// A run was read; `None` if there was none.
    ReadRun(u64, Option<u32>),
    /// A day passed.
    Age,
}

impl Event {
    /// From when on it has no effect any more.
    fn last_effect(&self) -> u64 {
        if self.is_acknowledged { self.end } else { u64::MAX }
    }

    /// Whether it can have removed something that was there from one moment to another.
    fn may_remove(&self, from: u64, to: u64) -> bool {
        matches!(self.what, What::Delete | What::RollBack) && self.start <= to && self.last_effect() >= from
    }
}

impl History {
    pub(super) fn breaks(&mut self, problem: impl Into<String>) {
        self.broken.get_or_insert_with(|| problem.into());
    }

    fn any_removal(&self, from: u64, to: u64) -> bool {
        self.events.iter().any(|event| event.may_remove(from, to))
    }

    /// What is wrong; `None` if the history is right.
    pub(super) fn problem(&self) -> Option<String> {
        self.broken.clone().or_else(|| self.events.iter().find_map(|event| self.problem_of(event)))
    }

    fn problem_of(&self, event: &Event) -> Option<String> {
        match &event.what {
            What::Read(batches) => self.problem_of_read(event, batches),
            What::ReadRun(run, content) => self.problem_of_run(event, *run, *content),
            What::Evaluate(run, content) if event.is_acknowledged => {
                let same = self.events.iter().find(|other| {
                    let is_other =
                        matches!(other.what, What::Evaluate(id, text) if id == *run && text != *content);
                    let deleted = self.deletes(other.start.min(event.start), other.end.max(event.end));
                    is_other && other.is_acknowledged && !deleted
                });
                same.map(|other| format!("two runs have the id {run}: {event:?} and {other:?}"))
            }
            _ => None,
        }
    }

    fn deletes(&self, from: u64, to: u64) -> bool {
        self.events.iter().any(|event| matches!(event.what, What::Delete) && event.may_remove(from, to))
    }

    fn problem_of_read(&self, read: &Event, batches: &[u32]) -> Option<String> {
        let seen: BTreeSet<u32> = batches.iter().copied().collect();
        if seen.len() < batches.len() {
            return Some(format!("a batch counts twice: {read:?}"));
        }
        self.events.iter().find_map(|other| match &other.what {
            // No acknowledged batch is lost.
            What::Train(batch) if other.is_acknowledged && other.end < read.start => {
                let is_lost = !seen.contains(batch) && !self.any_removal(other.start, read.end);
                is_lost.then(|| format!("a batch is lost: {other:?} is not in {read:?}"))
            }
            // A deletion beats what began and ended before it.
            What::Delete if other.is_acknowledged && other.end < read.start => {
                let ghost = batches.iter().find(|batch| !self.sent_after(**batch, other.start));
                ghost.map(|batch| format!("batch {batch} survives a deletion: {other:?}, {read:?}"))
            }
            // All reads see the same sequence, and later ones see at least as much.
            What::Read(earlier) => {
                let may_differ = self.any_removal(other.start.min(read.start), other.end.max(read.end));
                let is_prefix = batches.starts_with(earlier);
                let is_right = is_prefix || (other.end >= read.start && earlier.starts_with(batches));
                let is_later = other.start > read.start;
                (!may_differ && !is_later && !is_right)
                    .then(|| format!("the sequence changes: {other:?}, then {read:?}"))
            }
            _ => None,
        })
    }

    fn sent_after(&self, batch: u32, moment: u64) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event.what, What::Train(sent) if sent == batch) && event.end > moment)
    }

    fn problem_of_run(&self, read: &Event, run: u64, content: Option<u32>) -> Option<String> {
        self.events.iter().find_map(|other| {
            let What::Evaluate(id, stored) = other.what else { return None };
            let is_before = other.is_acknowledged && id == run && other.end < read.start;
            let is_removed =
                self.deletes(other.start, read.end) || (content.is_none() && self.ages_after(other.start));
            let is_wrong = is_before && !is_removed && content != Some(stored);
            is_wrong.then(|| format!("a run is lost: {other:?}, {read:?}"))
        })
    }

    /// The retention may remove runs that are older than a day.
    fn ages_after(&self, moment: u64) -> bool {
        self.events.iter().any(|event| matches!(event.what, What::Age) && event.end > moment)
    }
}
