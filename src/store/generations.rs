//! The directory `classifier/` of one model: which generations are there, which
//! one is current, and how the next one takes its place.
//!
//! The order of [`Generations::install`] is what makes a crash harmless: a
//! generation is on the disk, whole and under its name, before the pointer names
//! it, and the pointer changes in one rename. Files of other programs (the
//! Python server's `classifier.pkl` and `model.ckpt/`) are never touched.

use super::error::{During, StoreError};
use super::files;
use super::files::{NewDirs, existing};
use super::generation::Generation;
use super::manifest::{Manifest, POINTER, Pointer, to_json};
use super::python_files::PythonServerFiles;
use super::workspace::{Temporary, Workspace};
use crate::fs::nofollow::NoFollowPath;

/// The directory `classifier/` of one model.
#[derive(Debug)]
pub struct Generations(NoFollowPath);

impl Generations {
    /// The one in the model directory `model_dir`.
    pub fn of(model_dir: &NoFollowPath) -> Self {
        Self(model_dir.join("classifier"))
    }

    /// The generation that the pointer names; `None` when there is no pointer or it leads nowhere.
    /// Needs no lock.
    pub fn pointed(&self) -> Result<Option<Generation>, StoreError> {
        let path = self.pointer();
        loop {
            let Some(bytes) = self.pointer_bytes()? else { return Ok(None) };
            let Some(pointer) = Pointer::parse(&bytes, &path) else { return Ok(None) };
            let number = pointer.record.generation;
            let found = Generation::open(&self.generation(number), pointer.record)?;
            // The same pointer before and after: no deletion and no new model of the same number in
            // between, and a missing file is missing indeed and not just replaced.
            if self.pointer_bytes()?.as_ref() == Some(&bytes) {
                return Ok(found);
            }
        }
    }

    /// Like [`Self::pointed`], or else the newest whole generation. Only under the lock of publishing:
    /// it might find the one that is on its way.
    pub fn settled(&self) -> Result<Option<Generation>, StoreError> {
        if let Some(generation) = self.pointed()? {
            return Ok(Some(generation));
        }
        for number in self.numbers()?.into_iter().rev() {
            if let Some(generation) = self.open(number)? {
                let classifier = &self.0;
                tracing::warn!(%classifier, number, "the current generation is missing or damaged: using this one");
                return Ok(Some(generation));
            }
        }
        if self.is_untouched()? {
            return Ok(None);
        }
        Err(StoreError::corrupt(
            &self.0,
            "no generation in it is whole; restore it from a backup, or delete the model and train it anew",
        ))
    }

    /// A generation by its own record; `None` when it has none or is not whole (as far as sizes tell).
    pub fn open(&self, number: u64) -> Result<Option<Generation>, StoreError> {
        let dir = self.generation(number);
        match Manifest::read(&dir)?.filter(|record| record.generation == number) {
            Some(record) => Generation::open(&dir, record),
            None => Ok(None),
        }
    }

    /// The numbers of up to `count` generations whose bytes are those that were published: the current one,
    /// then those before it, newest first.
    pub fn sound(&self, count: usize) -> Result<Vec<u64>, StoreError> {
        let current = match self.settled() {
            // Nothing whole is left.
            Err(StoreError::Corrupt { .. }) => None,
            settled => settled?,
        };
        let Some(current) = current else { return Ok(Vec::new()) };
        let mut sound = Vec::new();
        let older = self.numbers()?.into_iter().rev().filter(|&number| number < current.number());
        for number in [current.number()].into_iter().chain(older) {
            if sound.len() == count {
                break;
            }
            let generation =
                if number == current.number() { Some(current.clone()) } else { self.open(number)? };
            // What cannot be read just now may be sound.
            let damaged =
                |generation: Generation| matches!(generation.verify(), Err(StoreError::Corrupt { .. }));
            if generation.is_some_and(|generation| !damaged(generation)) {
                sound.push(number);
            }
        }
        Ok(sound)
    }

    /// The generations beyond the newest `keep` sound ones, and those that never became current; none while
    /// the current one is not sound. Call it behind the tree lock.
    pub fn outdated(&self, keep: usize) -> Result<Vec<u64>, StoreError> {
        let numbers = self.numbers()?;
        let Some(current) = self.pointed()? else { return Ok(Vec::new()) };
        if numbers.len() <= keep && numbers.last() == Some(&current.number()) {
            return Ok(Vec::new());
        }
        let sound = self.sound(keep)?;
        if sound.first() != Some(&current.number()) {
            return Ok(Vec::new());
        }
        Ok(numbers.into_iter().filter(|number| !sound.contains(number)).collect())
    }

    /// Whether nothing was ever published here (the Python server may have).
    pub fn is_untouched(&self) -> Result<bool, StoreError> {
        Ok(self.pointer_bytes()?.is_none() && self.numbers()?.is_empty())
    }

    /// A number that no generation had, whole or not, since the model was last deleted.
    pub fn next_number(&self) -> Result<u64, StoreError> {
        let path = self.pointer();
        let pointer = self.pointer_bytes()?.and_then(|bytes| Pointer::parse(&bytes, &path));
        let pointed = pointer.map_or(0, |pointer| pointer.record.generation);
        let newest = self.numbers()?.last().copied().unwrap_or(0);
        Ok(pointed.max(newest).saturating_add(1))
    }

    /// Moves a written generation and then a written pointer to their places. When it fails, the old
    /// ones stay, unless only the last step failed: bringing the change to the disk.
    pub fn install(
        &self,
        number: u64,
        generation: &NoFollowPath,
        pointer: &NoFollowPath,
    ) -> Result<(), StoreError> {
        let dirs = NewDirs::ensure(&self.0)?;
        let place = self.generation(number);
        files::rename(generation, &place)?;
        let switched = files::sync_dir(&self.0).and_then(|()| files::rename(pointer, &self.pointer()));
        if let Err(error) = switched {
            if let Err(error) = files::remove(&place) {
                tracing::warn!(%error, "an unused generation stays until the next training");
            }
            return Err(error);
        }
        dirs.keep();
        files::sync_dir(&self.0)
    }

    /// Replaces the pointer with one that names this generation.
    pub fn point_to(&self, record: &Manifest, temporary: &Temporary) -> Result<(), StoreError> {
        let path = self.pointer();
        let pointer = Pointer { record: record.clone(), previous: None };
        files::replace(&path, &to_json(&pointer, &path)?, &temporary.place().join(POINTER))
    }

    /// Moves every generation but those in `keep` out of the way; they vanish with what is returned.
    pub fn take_out_others(&self, keep: &[u64], workspace: &Workspace) -> Result<Vec<Temporary>, StoreError> {
        let others = self.numbers()?.into_iter().filter(|number| !keep.contains(number));
        others.map(|number| workspace.take(&self.generation(number))).collect()
    }

    /// The numbers of the generations that are there, ascending.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = files::entries(&self.0)?.into_iter();
        let mut numbers: Vec<u64> = entries.filter_map(|entry| number_of(entry.name.to_str()?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The Python server's files in it.
    pub fn python_server(&self) -> PythonServerFiles {
        PythonServerFiles::of(&self.0)
    }

    /// Where the generation of that number is.
    pub fn generation(&self, number: u64) -> NoFollowPath {
        self.0.join(number.to_string())
    }

    /// Where the pointer is.
    pub fn pointer(&self) -> NoFollowPath {
        self.0.join(POINTER)
    }

    /// The pointer as it is; `None` when there is none.
    pub fn pointer_bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.pointer();
        existing(files::read(&path)).during("read", &path)
    }
}

/// The number that a generation's directory is named with: as we write it, nothing like `007`.
fn number_of(name: &str) -> Option<u64> {
    name.parse().ok().filter(|number: &u64| *number > 0 && number.to_string() == name)
}
