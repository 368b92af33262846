//! Whether everything that is kept is as it was published, and what can be done about what is not.
//!
//! A repair deletes nothing of which there is no other copy: a damaged generation is set aside in the
//! model's `damaged/`, from where people can take what they need, and which a deletion of the model takes
//! away too. What a generation is good for, the caller says.

use std::fmt::Display;

use jiff::Timestamp;

use super::Store;
use super::error::{During, StoreError};
use super::files::{self, NewDirs};
use super::generation::Generation;
use super::generations::Generations;
use super::key::{DirHash, ModelId};
use super::manifest::{MANIFEST, MODEL, Manifest, POINTER, Pointer, SAMPLES, to_json};
use super::model_dir::ModelDir;
use super::symlinks;
use super::symlinks::{entries, links_below, links_in, unless_told};
use super::workspace::NAME;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::python_server_files::{CHECKPOINT, CLASSIFIER};

/// Where a repair puts damaged generations, below a model's directory.
const ASIDE: &str = "damaged";

/// Something that is not as it should be, or that the store does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, below the examined directory.
    pub place: String,
    /// What is the matter.
    pub problem: String,
    /// What can be done, or was done.
    pub mended: Mended,
}

/// What can be done about a finding, or was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// Nothing is wrong.
    NoNeed,
    /// A repair would do this.
    Would(&'static str),
    /// A repair has done this.
    Done(&'static str),
    /// No repair can; people can do this.
    Cannot(&'static str),
}

impl Finding {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>, mended: Mended) -> Self {
        Self { place: place.into(), problem: problem.into(), mended }
    }

    /// Of something that cannot be examined.
    pub fn unreadable(place: impl Into<String>, why: impl Display) -> Self {
        let remedy = "see to it that this user can read and write it, then check again";
        Self::new(place, why.to_string(), Mended::Cannot(remedy))
    }

    fn note(place: impl Into<String>, problem: &str) -> Self {
        Self::new(place, problem, Mended::NoNeed)
    }
}

const RESTORE: &str = "restore it from a backup, or delete the model (Clear predictions) and train it anew";

impl Store {
    /// What crashes have left half-made, what is no part of any model, and what cannot be read. With `repair`,
    /// the first goes.
    pub fn examine(&self, repair: bool) -> Result<Vec<Finding>, StoreError> {
        let done = if repair { Mended::Done("removed") } else { Mended::Would("remove it") };
        let mut findings = Vec::new();
        for (name, kind) in entries(&self.root)? {
            let is_id = ModelId::new(&name).is_ok_and(|id| id.as_str() == name);
            match kind {
                Kind::Link => findings.push(Finding::link(name)),
                Kind::Directory if name == NAME => findings.extend(links_in(&self.root.join(NAME), NAME)?),
                Kind::Directory if is_id => {
                    let found = self.examine_id(&name);
                    findings.extend(found.unwrap_or_else(|error| vec![Finding::unreadable(name, error)]));
                }
                _ => findings.push(Finding::note(name, "not ours")),
            }
        }
        let left = unless_told(self.workspace.leftovers(), &findings)?.unwrap_or_default();
        if repair {
            unless_told(self.workspace.open(), &findings)?;
        }
        findings.extend(left.into_iter().map(|(name, kind)| {
            let problem = if kind == Kind::Link { symlinks::PROBLEM } else { "left half-made by a crash" };
            Finding::new(format!("{NAME}/{name}"), problem, done)
        }));
        Ok(findings)
    }

    /// What is no model's directory in that of one id.
    fn examine_id(&self, id: &str) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        for (name, kind) in entries(&self.root.join(id))? {
            let is_hash = DirHash::new("dirhash", &name).is_ok_and(|hash| hash.as_str() == name);
            let place = format!("{id}/{name}");
            match kind {
                Kind::Link => findings.push(Finding::link(place)),
                Kind::Directory if is_hash => {}
                _ => findings.push(Finding::note(place, "not ours")),
            }
        }
        Ok(findings)
    }
}

impl ModelDir {
    /// Examines this model and, with `repair`, mends it. `usable` says of a generation whose bytes are as
    /// they were published what else is wrong with it. What is behind a link is not examined.
    ///
    /// Checking a sound model takes no lock. What looks damaged, and may just be replaced or
    /// deleted, is examined again under the locks of publishing and deleting. Without `repair`, nothing is left behind.
    pub fn examine(
        &self,
        repair: bool,
        usable: &dyn Fn(&Generation) -> Result<(), String>,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = links_below(&self.dir)?;
        let others = unless_told(self.examine_what_is_here(repair, usable), &findings)?;
        findings.extend(others.unwrap_or_default());
        Ok(findings)
    }

    fn examine_what_is_here(
        &self,
        repair: bool,
        usable: &dyn Fn(&Generation) -> Result<(), String>,
    ) -> Result<Vec<Finding>, StoreError> {
        let classifier = self.classifier();
        let mut state = State::of(&classifier, usable)?;
        let looks_damaged = !state.findings().is_empty();
        let mut tree = None;
        if looks_damaged {
            tree = if repair { Some(self.lock_tree()?) } else { self.lock_tree_if_used() };
            state = State::of(&classifier, usable)?;
        }
        let mut findings = state.findings();
        if repair && looks_damaged && state.current().is_some() {
            state.repair(self, &classifier)?;
            for finding in &mut findings {
                if let Mended::Would(what) = finding.mended {
                    finding.mended = Mended::Done(what);
                }
            }
        }
        drop(tree);
        findings.extend(self.strangers(&classifier)?);
        Ok(findings)
    }

    /// What is in the model's directory and no part of it.
    fn strangers(&self, classifier: &Generations) -> Result<Vec<Finding>, StoreError> {
        let mut found = Vec::new();
        for name in names(&self.dir)? {
            match name.as_str() {
                "classifier" | "logs" | NAME => {}
                ASIDE => found.push(Finding::note(ASIDE, "set aside by an earlier repair")),
                _ => found.push(Finding::note(name, "not ours")),
            }
        }
        let numbers: Vec<String> = classifier.numbers()?.iter().map(u64::to_string).collect();
        for name in names(&self.dir.join("classifier"))? {
            let known = name == POINTER
                || [CHECKPOINT, CLASSIFIER].contains(&name.as_str())
                || numbers.contains(&name);
            if !known {
                found.push(Finding::note(format!("classifier/{name}"), "not ours"));
            }
        }
        for number in numbers {
            let inside = names(&self.dir.join("classifier").join(&number))?.into_iter();
            let strange = inside.filter(|name| ![MODEL, SAMPLES, MANIFEST].contains(&name.as_str()));
            found
                .extend(strange.map(|name| Finding::note(format!("classifier/{number}/{name}"), "not ours")));
        }
        for name in names(&self.logs())? {
            let is_run = name.parse().is_ok_and(|run: u64| run.to_string() == name);
            if !is_run {
                found.push(Finding::note(format!("logs/{name}"), "not ours"));
            }
        }
        Ok(found)
    }
}

/// What is in a `classifier/`.
struct State {
    /// The pointer, or what is wrong with it; `None` when there is none.
    pointer: Option<Result<Pointer, ()>>,
    /// Ascending.
    generations: Vec<Examined>,
}

struct Examined {
    number: u64,
    /// What it consists of, or what is wrong with it: the file and the problem.
    outcome: Result<Manifest, (String, String)>,
    /// Whether its own record is missing or not the pointer's.
    record_lost: bool,
}

impl State {
    fn of(
        classifier: &Generations,
        usable: &dyn Fn(&Generation) -> Result<(), String>,
    ) -> Result<Self, StoreError> {
        let path = classifier.pointer();
        let bytes = classifier.pointer_bytes()?;
        let pointer = bytes.map(|bytes| Pointer::parse(&bytes, &path).ok_or(()));
        let mut generations = Vec::new();
        for number in classifier.numbers()? {
            let pointed =
                pointer.as_ref().and_then(|pointer| pointer.as_ref().ok()).map(|found| &found.record);
            let pointed = pointed.filter(|record| record.generation == number);
            generations.push(Examined::of(&classifier.generation(number), number, pointed, usable)?);
        }
        Ok(Self { pointer, generations })
    }

    fn pointed(&self) -> Option<u64> {
        self.pointer.as_ref()?.as_ref().ok().map(|pointer| pointer.record.generation)
    }

    /// The generation that answers, or should: the pointed one, or else the newest sound one.
    fn current(&self) -> Option<&Examined> {
        let mut sound = self.generations.iter().rev().filter(|examined| examined.outcome.is_ok());
        let pointed = sound.clone().find(|examined| Some(examined.number) == self.pointed());
        pointed.or_else(|| sound.next())
    }

    /// Whether it is left of publishing that was cut off before it became current.
    fn never_current(&self, examined: &Examined) -> bool {
        let current = self.current().map(|current| current.number);
        current.is_some() && current == self.pointed() && Some(examined.number) > current
    }

    fn findings(&self) -> Vec<Finding> {
        let can = |what| if self.current().is_some() { Mended::Would(what) } else { Mended::Cannot(RESTORE) };
        let mut findings = Vec::new();
        let place = format!("classifier/{POINTER}");
        match &self.pointer {
            None if self.generations.is_empty() => {}
            None => findings.push(Finding::new(place, "it is missing", can("write it anew"))),
            Some(Err(())) => findings.push(Finding::new(place, "it cannot be read", can("write it anew"))),
            Some(Ok(pointer)) => {
                let number = pointer.record.generation;
                if !self.generations.iter().any(|examined| examined.number == number) {
                    let problem = format!("the generation {number} that it names is missing");
                    findings.push(Finding::new(place, problem, can("fall back to the generation before")));
                }
            }
        }
        for examined in &self.generations {
            let number = examined.number;
            let place = |file: &str| format!("classifier/{number}/{file}");
            match &examined.outcome {
                _ if self.never_current(examined) => {
                    let problem = "left by a crash before it became current";
                    findings.push(Finding::new(format!("classifier/{number}"), problem, can("remove it")));
                }
                Err((file, problem)) => {
                    let remedy = if Some(number) == self.pointed() {
                        "fall back to the generation before, and set this one aside"
                    } else {
                        "set it aside"
                    };
                    findings.push(Finding::new(place(file), problem, can(remedy)));
                }
                Ok(_) if examined.record_lost => {
                    let problem = "it is missing or damaged";
                    findings.push(Finding::new(place(MANIFEST), problem, can("write it anew")));
                }
                Ok(_) => {}
            }
        }
        findings
    }

    /// In an order that leaves the model answering at every moment.
    fn repair(&self, model_dir: &ModelDir, classifier: &Generations) -> Result<(), StoreError> {
        let Some((current, record)) =
            self.current().and_then(|examined| Some((examined, examined.outcome.as_ref().ok()?)))
        else {
            return Ok(());
        };
        let dir = classifier.generation(current.number);
        let temporary = model_dir.workspace.temporary()?;
        if current.record_lost {
            let record = to_json(record, &dir)?;
            files::replace(&dir.join(MANIFEST), &record, &temporary.place().join(MANIFEST))?;
        }
        if Some(current.number) != self.pointed() {
            classifier.point_to(record, &temporary)?;
        }
        for examined in &self.generations {
            let place = classifier.generation(examined.number);
            if self.never_current(examined) {
                model_dir.workspace.take(&place)?.remove()?;
            } else if examined.outcome.is_err() {
                set_aside(&place, &model_dir.dir.join(ASIDE), examined.number)?;
            }
        }
        Ok(())
    }
}

/// The time makes the name new.
fn set_aside(generation: &NoFollowPath, aside: &NoFollowPath, number: u64) -> Result<(), StoreError> {
    NewDirs::ensure(aside)?.keep();
    files::rename(generation, &aside.join(format!("{number}-{}", Timestamp::now().as_nanosecond())))?;
    files::sync_dir(aside)
}

impl Examined {
    /// `pointed` is what the pointer says of it, when it is the current one.
    fn of(
        dir: &NoFollowPath,
        number: u64,
        pointed: Option<&Manifest>,
        usable: &dyn Fn(&Generation) -> Result<(), String>,
    ) -> Result<Self, StoreError> {
        let own = Manifest::read(dir)?.filter(|record| record.generation == number);
        let record_lost = own.is_none() || pointed.is_some_and(|pointed| Some(pointed) != own.as_ref());
        let Some(record) = pointed.cloned().or(own) else {
            let outcome = Err((MANIFEST.to_owned(), "it is missing or damaged".to_owned()));
            return Ok(Self { number, outcome, record_lost });
        };
        let outcome = examine_files(dir, &record)?.and_then(|generation| {
            usable(&generation).map_err(|problem| (MODEL.to_owned(), problem)).map(|()| record)
        });
        Ok(Self { number, outcome, record_lost })
    }
}

/// Compares each file with its checksum; the first that differs is named with what is wrong.
fn examine_files(
    dir: &NoFollowPath,
    record: &Manifest,
) -> Result<Result<Generation, (String, String)>, StoreError> {
    let files = [(MODEL, Some(&record.files.model)), (SAMPLES, record.files.samples.as_ref())];
    for (name, checksum) in files {
        let Some(checksum) = checksum else { continue };
        let path = dir.join(name);
        let problem = match path.find().during("look at", &path)? {
            None => "it is missing".to_owned(),
            Some(found) if found.bytes != checksum.size => {
                format!("it has {} bytes instead of {}", found.bytes, checksum.size)
            }
            Some(_) => continue,
        };
        return Ok(Err((name.to_owned(), problem)));
    }
    let changed =
        |name: &str| Ok(Err((name.to_owned(), "its bytes have changed: the checksum differs".to_owned())));
    let Some(generation) = Generation::open(dir, record.clone())? else { return changed(MODEL) };
    match generation.model() {
        Err(StoreError::Corrupt { .. }) => return changed(MODEL),
        read => drop(read?),
    }
    match generation.samples() {
        Err(StoreError::Corrupt { .. }) => return changed(SAMPLES),
        read => drop(read?),
    }
    Ok(Ok(generation))
}

/// The names of all but links.
fn names(directory: &NoFollowPath) -> Result<Vec<String>, StoreError> {
    let entries = entries(directory)?.into_iter().filter(|(_, kind)| *kind != Kind::Link);
    Ok(entries.map(|(name, _)| name).collect())
}
