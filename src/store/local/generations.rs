//! The directory `classifier/` of one model: its generations, and the pointer to the current one.
//!
//! [`Generations::install`] writes in an order that makes a crash harmless: the complete generation is on the disk under
//! its name before the pointer names it, and the pointer is replaced in one rename. Must not know the files of the
//! Python server, which may be in the same directory.

use std::iter;

use super::files::{self, NewDirs};
use super::generation::LocalGeneration;
use super::manifest_file;
use super::workspace::Temporary;
use crate::fs::nofollow::NoFollowPath;
use crate::store::error::StoreError;
use crate::store::key::number_of_directory;
use crate::store::manifest::{Manifest, POINTER, Pointer, to_json};

/// The directory `classifier/` of one model.
#[derive(Debug)]
pub struct Generations(pub NoFollowPath);

impl Generations {
    /// The generation that the pointer names; `None` if there is no pointer, or no such generation. Needs no lock.
    pub fn pointed(&self) -> Result<Option<LocalGeneration>, StoreError> {
        loop {
            let Some(bytes) = self.pointer_bytes()? else { return Ok(None) };
            let Some(pointer) = Pointer::parse(&bytes, &self.pointer()) else { return Ok(None) };
            let dir = self.generation(pointer.manifest.generation);
            let generation = LocalGeneration::open(&dir, pointer.manifest)?;
            // An unchanged pointer shows that nothing was deleted or replaced in between, so that a missing file is
            // damage.
            if self.pointer_bytes()?.as_ref() == Some(&bytes) {
                return Ok(generation.map(|generation| generation.named_by(bytes)));
            }
        }
    }

    /// The generation that the pointer names, or else the newest intact one. Acquire the tree lock first, because this
    /// may return a generation that is being published.
    pub fn pointed_or_newest(&self) -> Result<Option<LocalGeneration>, StoreError> {
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
        if self.is_empty()? {
            return Ok(None);
        }
        Err(StoreError::corrupt(
            &self.0,
            "it contains no intact generation; restore it from a backup, or delete the model and train it anew",
        ))
    }

    /// Opens a generation by its own manifest; `None` if it has none, or a file is missing or has another size.
    pub fn open(&self, number: u64) -> Result<Option<LocalGeneration>, StoreError> {
        let dir = self.generation(number);
        match manifest_file::read(&dir)?.filter(|manifest| manifest.generation == number) {
            Some(manifest) => LocalGeneration::open(&dir, manifest),
            None => Ok(None),
        }
    }

    /// Opens the generations before `number`, newest first; without those that [`Self::open`] finds incomplete.
    pub fn before(
        &self,
        number: u64,
    ) -> Result<impl Iterator<Item = Result<LocalGeneration, StoreError>>, StoreError> {
        let older = self.numbers()?.into_iter().rev().filter(move |&older| older < number);
        Ok(older.filter_map(|number| self.open(number).transpose()))
    }

    /// The numbers of up to `count` generations with correct checksums, newest first from the current one.
    pub fn intact(&self, count: usize) -> Result<Vec<u64>, StoreError> {
        let current = match self.pointed_or_newest() {
            // No generation is intact.
            Err(StoreError::Corrupt { .. }) => None,
            current => current?,
        };
        let Some(current) = current else { return Ok(Vec::new()) };
        let older = self.before(current.number())?;
        let mut generations = iter::once(Ok(current)).chain(older);
        let mut intact = Vec::new();
        while intact.len() < count
            && let Some(generation) = generations.next().transpose()?
        {
            // A generation with any other error may be intact.
            if !matches!(generation.verify(), Err(StoreError::Corrupt { .. })) {
                intact.push(generation.number());
            }
        }
        Ok(intact)
    }

    /// The generations beyond the newest `keep` intact ones, and those that never became current; none if the current
    /// one is not intact. Acquire the tree lock first.
    pub fn outdated(&self, keep: usize) -> Result<Vec<u64>, StoreError> {
        let numbers = self.numbers()?;
        let Some(current) = self.pointed()? else { return Ok(Vec::new()) };
        if numbers.len() <= keep && numbers.last() == Some(&current.number()) {
            return Ok(Vec::new());
        }
        let intact = self.intact(keep)?;
        if intact.first() != Some(&current.number()) {
            return Ok(Vec::new());
        }
        Ok(numbers.into_iter().filter(|number| !intact.contains(number)).collect())
    }

    /// Whether no generation was ever published here.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.pointer_bytes()?.is_none() && self.numbers()?.is_empty())
    }

    /// A number that no generation, complete or not, has had since the model was last deleted.
    pub fn next_number(&self) -> Result<u64, StoreError> {
        let pointer = self.pointer_bytes()?.and_then(|bytes| Pointer::parse(&bytes, &self.pointer()));
        let pointed = pointer.map_or(0, |pointer| pointer.manifest.generation);
        let newest = self.numbers()?.last().copied().unwrap_or(0);
        Ok(pointed.max(newest).saturating_add(1))
    }

    /// Moves a written generation and then a written pointer into place. After an error the old ones are in place, unless
    /// only the last sync failed.
    pub fn install(
        &self,
        number: u64,
        generation: &NoFollowPath,
        pointer: &NoFollowPath,
    ) -> Result<(), StoreError> {
        let dirs = NewDirs::create(&self.0)?;
        let dir = self.generation(number);
        files::rename(generation, &dir)?;
        let switched = files::sync_dir(&self.0).and_then(|()| files::rename(pointer, &self.pointer()));
        if let Err(error) = switched {
            if let Err(error) = files::remove(&dir) {
                tracing::warn!(%error, "an unused generation stays until the next training");
            }
            return Err(error);
        }
        dirs.keep();
        files::sync_dir(&self.0)
    }

    /// Replaces the pointer.
    pub fn point_to(&self, manifest: &Manifest, temporary: &Temporary) -> Result<(), StoreError> {
        let pointer = Pointer { manifest: manifest.clone(), previous: None };
        files::replace(&self.pointer(), &to_json(&pointer), &temporary.path.join(POINTER))
    }

    /// The numbers of all generations, intact or not, ascending.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = files::entries(&self.0)?.into_iter();
        let numbers = entries.filter_map(|entry| number_of_directory(entry.name.to_str()?));
        let mut numbers: Vec<u64> = numbers.filter(|&number| number > 0).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The directory of a generation.
    pub fn generation(&self, number: u64) -> NoFollowPath {
        self.0.join(number.to_string())
    }

    pub fn pointer(&self) -> NoFollowPath {
        self.0.join(POINTER)
    }

    /// The pointer as it is on the disk; `None` if there is none.
    pub fn pointer_bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        files::read(&self.pointer())
    }
}
