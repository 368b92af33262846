//! Examines everything stored and repairs damage.
//!
//! A repair deletes nothing of which there is no other copy: a damaged generation is moved to the model's `damaged/`,
//! where the administrator finds it until the model is deleted. Must not know what a model is: the caller verifies it.

use jiff::Timestamp;

use super::data_dir::LocalStore;
use super::files;
use super::generation::LocalGeneration;
use super::generations::Generations;
use super::manifest_file;
use super::model_dir::LocalModel;
use super::symlinks::{entries, ignore_found_link, links_below};
use super::workspace::NAME;
use crate::fs::nofollow::{Kind, NoFollowPath};
use crate::python_server_files::{CHECKPOINT, CLASSIFIER};
use crate::store::error::{IoContext, StoreError};
use crate::store::finding::{Finding, LINK, Repair};
use crate::store::generation::Generation;
use crate::store::generation::GenerationFiles as _;
use crate::store::key::{DirHash, ModelId, number_of_directory};
use crate::store::manifest::{MANIFEST, MODEL, Manifest, POINTER, Pointer, SAMPLES, to_json};
use crate::store::place::Verify;

/// The directory for damaged generations, below that of the model.
pub(super) const DAMAGED: &str = "damaged";

const UNKNOWN: &str = "unknown; not part of a model";
const RESTORE: &str = "restore it from a backup, or delete the model (Clear predictions) and train it anew";

impl LocalStore {
    /// Finds leftovers of crashes, entries that belong to no model, and directories that cannot be read. With `repair`,
    /// removes the leftovers.
    pub fn examine(&self, repair: bool) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        for (name, kind) in entries(&self.root)? {
            match kind {
                Kind::Link => findings.push(Finding::link(name)),
                Kind::Directory if name == NAME => {
                    let entries = entries(&self.root.join(NAME))?.into_iter();
                    let links = entries.filter(|(_, kind)| *kind == Kind::Link);
                    findings.extend(links.map(|(link, _)| Finding::link(format!("{NAME}/{link}"))));
                }
                Kind::Directory if ModelId::of_directory(&name).is_some() => {
                    let found = self.examine_id(&name);
                    findings.extend(found.unwrap_or_else(|error| vec![Finding::unreadable(name, error)]));
                }
                _ => findings.push(Finding::note(name, UNKNOWN)),
            }
        }
        let leftovers = ignore_found_link(self.workspace.leftovers(), &findings)?.unwrap_or_default();
        if repair {
            ignore_found_link(self.workspace.open(), &findings)?;
        }
        let repair = if repair { Repair::Done("removed") } else { Repair::Possible("remove it") };
        findings.extend(leftovers.into_iter().map(|(name, kind)| {
            let problem = if kind == Kind::Link { LINK } else { "left incomplete by a crash" };
            Finding::new(format!("{NAME}/{name}"), problem, repair)
        }));
        Ok(findings)
    }

    /// The entries of an id's directory that are no directory of a model.
    fn examine_id(&self, id: &str) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        for (name, kind) in entries(&self.root.join(id))? {
            let path = format!("{id}/{name}");
            match kind {
                Kind::Link => findings.push(Finding::link(path)),
                Kind::Directory if DirHash::of_directory(&name).is_some() => {}
                _ => findings.push(Finding::note(path, UNKNOWN)),
            }
        }
        Ok(findings)
    }
}

impl LocalModel {
    /// Examines this model and, with `repair`, repairs it. Targets of links are not examined.
    ///
    /// An intact model is examined without a lock. One that looks damaged may be in the course of a publication or a
    /// deletion: it is examined again with the tree lock. Without `repair`, no file is created.
    pub fn examine(&self, repair: bool, verify: Verify<'_>) -> Result<Vec<Finding>, StoreError> {
        let mut findings = links_below(&self.dir)?;
        let others = ignore_found_link(self.examine_files(repair, verify), &findings)?;
        findings.extend(others.unwrap_or_default());
        Ok(findings)
    }

    fn examine_files(&self, repair: bool, verify: Verify<'_>) -> Result<Vec<Finding>, StoreError> {
        let classifier = self.classifier();
        let mut findings = State::of(&classifier, verify)?.findings(repair);
        if !findings.is_empty() {
            let _tree = if repair { Some(self.lock_tree()?) } else { self.lock_tree_if_used() };
            let state = State::of(&classifier, verify)?;
            findings = state.findings(repair);
            if repair {
                state.repair(self, &classifier)?;
            }
        }
        findings.extend(self.unknown_entries(&classifier)?);
        Ok(findings)
    }

    fn unknown_entries(&self, classifier: &Generations) -> Result<Vec<Finding>, StoreError> {
        let mut found = Vec::new();
        let mut examine = |directory: &str, is_known: &dyn Fn(&str) -> bool| {
            let entries = entries(&self.dir.join(directory))?.into_iter();
            for (name, _) in entries.filter(|(name, kind)| *kind != Kind::Link && !is_known(name)) {
                let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                let note = if path == DAMAGED { "set aside by an earlier repair" } else { UNKNOWN };
                found.push(Finding::note(path, note));
            }
            Ok::<_, StoreError>(())
        };
        let numbers = classifier.numbers()?;
        examine("", &|name| ["classifier", "logs", NAME].contains(&name))?;
        examine("classifier", &|name| {
            [POINTER, CHECKPOINT, CLASSIFIER].contains(&name)
                || number_of_directory(name).is_some_and(|number| numbers.contains(&number))
        })?;
        for number in &numbers {
            examine(&format!("classifier/{number}"), &|name| [MODEL, SAMPLES, MANIFEST].contains(&name))?;
        }
        examine("logs", &|name| number_of_directory(name).is_some())?;
        Ok(found)
    }
}

/// The examined `classifier/` of a model.
struct State {
    pointer_exists: bool,
    /// `None` if it is missing or damaged.
    pointer: Option<Pointer>,
    /// Ascending.
    generations: Vec<Examined>,
}

impl State {
    fn of(classifier: &Generations, verify: Verify<'_>) -> Result<Self, StoreError> {
        let bytes = classifier.pointer_bytes()?;
        let pointer_exists = bytes.is_some();
        let pointer = bytes.and_then(|bytes| Pointer::parse(&bytes, &classifier.pointer()));
        let pointed = pointer.as_ref().map(|pointer| &pointer.manifest);
        let examine = |number| {
            let pointed = pointed.filter(|manifest| manifest.generation == number);
            Examined::of(&classifier.generation(number), number, pointed, verify)
        };
        let generations = classifier.numbers()?.into_iter().map(examine).collect::<Result<_, _>>()?;
        Ok(Self { pointer_exists, pointer, generations })
    }

    fn pointed(&self) -> Option<u64> {
        self.pointer.as_ref().map(|pointer| pointer.manifest.generation)
    }

    /// The generation that predicts, or should: the pointed one if it is intact, or else the newest intact one.
    fn current(&self) -> Option<&Examined> {
        let mut intact = self.generations.iter().rev().filter(|examined| examined.outcome.is_ok());
        let pointed = intact.clone().find(|examined| Some(examined.number) == self.pointed());
        pointed.or_else(|| intact.next())
    }

    /// Whether a crash interrupted its publication before it became current.
    fn was_never_current(&self, examined: &Examined) -> bool {
        let current = self.current().map(|current| current.number);
        current.is_some() && current == self.pointed() && Some(examined.number) > current
    }

    /// With `repair`, as they are after [`Self::repair`].
    fn findings(&self, repair: bool) -> Vec<Finding> {
        let can = |what| match self.current() {
            None => Repair::Manual(RESTORE),
            Some(_) if repair => Repair::Done(what),
            Some(_) => Repair::Possible(what),
        };
        let pointer = |problem: String, repair| {
            vec![Finding::new(format!("classifier/{POINTER}"), problem, can(repair))]
        };
        let mut findings = match self.pointed() {
            Some(number) if !self.generations.iter().any(|examined| examined.number == number) => {
                let problem = format!("generation {number}, which it names, is missing");
                pointer(problem, "fall back to the previous generation")
            }
            None if self.pointer_exists => pointer("it cannot be read".to_owned(), "write it anew"),
            None if !self.generations.is_empty() => pointer("it is missing".to_owned(), "write it anew"),
            _ => Vec::new(),
        };
        for examined in &self.generations {
            let number = examined.number;
            let (file, problem, repair) = match &examined.outcome {
                _ if self.was_never_current(examined) => {
                    ("", "left by a crash before it became current", "remove it")
                }
                Err((file, problem)) if Some(number) == self.pointed() => {
                    (*file, problem.as_str(), "fall back to the previous generation and set this one aside")
                }
                Err((file, problem)) => (*file, problem.as_str(), "set it aside"),
                Ok(_) if examined.manifest_lost => (MANIFEST, "it is missing or damaged", "write it anew"),
                Ok(_) => continue,
            };
            let path = format!("classifier/{number}/{file}");
            findings.push(Finding::new(path.trim_end_matches('/'), problem, can(repair)));
        }
        findings
    }

    /// Does nothing without an intact generation. Keeps the model usable between all steps.
    fn repair(&self, model_dir: &LocalModel, classifier: &Generations) -> Result<(), StoreError> {
        let Some((current, manifest)) =
            self.current().and_then(|examined| Some((examined, examined.outcome.as_ref().ok()?)))
        else {
            return Ok(());
        };
        let dir = classifier.generation(current.number);
        let temporary = model_dir.workspace.temporary()?;
        if current.manifest_lost {
            files::replace(&dir.join(MANIFEST), &to_json(manifest), &temporary.path.join(MANIFEST))?;
        }
        if Some(current.number) != self.pointed() {
            classifier.point_to(manifest, &temporary)?;
        }
        for examined in &self.generations {
            let dir = classifier.generation(examined.number);
            if self.was_never_current(examined) {
                model_dir.workspace.take(&dir)?.remove()?;
            } else if examined.outcome.is_err() {
                set_aside(&dir, &model_dir.dir.join(DAMAGED), examined.number)?;
            }
        }
        Ok(())
    }
}

fn set_aside(generation: &NoFollowPath, damaged: &NoFollowPath, number: u64) -> Result<(), StoreError> {
    files::create_dir_all(damaged)?;
    // The time makes the name unique.
    files::rename(generation, &damaged.join(format!("{number}-{}", Timestamp::now().as_nanosecond())))?;
    files::sync_dir(damaged)
}

/// A damaged file with the problem.
type Damage = (&'static str, String);

struct Examined {
    number: u64,
    outcome: Result<Manifest, Damage>,
    /// Whether its own manifest is missing, damaged or not that of the pointer.
    manifest_lost: bool,
}

impl Examined {
    /// `pointed` is the manifest in the pointer, if it names this generation.
    fn of(
        dir: &NoFollowPath,
        number: u64,
        pointed: Option<&Manifest>,
        verify: Verify<'_>,
    ) -> Result<Self, StoreError> {
        let own = manifest_file::read(dir)?.filter(|manifest| manifest.generation == number);
        let manifest_lost = own.is_none() || pointed.is_some_and(|pointed| Some(pointed) != own.as_ref());
        let outcome = match pointed.cloned().or(own) {
            None => Err((MANIFEST, "it is missing or damaged".to_owned())),
            Some(manifest) => verified(dir, manifest, verify)?,
        };
        Ok(Self { number, outcome, manifest_lost })
    }
}

/// Compares each file with its checksum and lets the caller verify the content.
fn verified(
    dir: &NoFollowPath,
    manifest: Manifest,
    verify: Verify<'_>,
) -> Result<Result<Manifest, Damage>, StoreError> {
    let files = [(MODEL, Some(&manifest.files.model)), (SAMPLES, manifest.files.samples.as_ref())];
    for (name, checksum) in files {
        let Some(checksum) = checksum else { continue };
        let path = dir.join(name);
        match path.metadata().context("look at", &path)? {
            None => return Ok(Err((name, "it is missing".to_owned()))),
            Some(metadata) if metadata.size != checksum.size => {
                let problem = format!("it has {} bytes instead of {}", metadata.size, checksum.size);
                return Ok(Err((name, problem)));
            }
            Some(_) => {}
        }
    }
    let changed = |name| Ok(Err((name, "its content has changed: the checksum differs".to_owned())));
    let Some(generation) = LocalGeneration::open(dir, manifest.clone())? else { return changed(MODEL) };
    let is_corrupt = |read| match read {
        Err(StoreError::Corrupt { .. }) => Ok(true),
        read => read.map(|()| false),
    };
    if is_corrupt(generation.model().map(drop))? {
        return changed(MODEL);
    }
    if is_corrupt(generation.samples().map(drop))? {
        return changed(SAMPLES);
    }
    Ok(verify(&Generation::from(generation)).map(|()| manifest).map_err(|problem| (MODEL, problem)))
}
