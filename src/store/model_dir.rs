//! The directory of one model: reading, locking and publishing.

use std::collections::BTreeMap;
use std::path::{self, Path};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::deletion_guard::DeletionGuard;
use super::error::{During, StoreError};
use super::files;
use super::generation::Generation;
use super::generations::Generations;
use super::key::{DirHash, ModelId, RunId};
use super::lock::{FileLock, ModelLock};
use super::manifest::{Checksum, Files, MANIFEST, MODEL, Manifest, POINTER, Pointer, SAMPLES, to_json};
use super::retention::Retention;
use super::run::{NewRun, Run};
use super::workspace::{Temporary, Workspace};
use crate::fs::nofollow::{Kind, NoFollowPath};

/// Where one uniqueid/dirhash keeps its generations and its runs.
#[derive(Debug, Clone)]
pub struct ModelDir {
    /// Holds `classifier/` and `logs/`.
    pub(super) dir: NoFollowPath,
    /// What a deletion takes away: `dir` or the directory above it.
    pub(super) tree: NoFollowPath,
    /// What the tree's lock and marks are named after.
    tree_name: String,
    model_lock: String,
    pub(super) workspace: Arc<Workspace>,
    pub(super) retention: Retention,
    begun: Option<Arc<DeletionGuard>>,
}

/// What a new generation consists of.
#[derive(Debug, Clone, Copy)]
pub struct NewGeneration<'a> {
    /// The bytes of `model.onnx`.
    pub model: &'a [u8],
    /// The bytes of the samples it has learnt from; an imported model has none.
    pub samples: Option<&'a [u8]>,
    /// Facts for people and tools, kept in the pointer file.
    pub facts: &'a serde_json::Value,
}

impl ModelDir {
    /// A model directory outside of a [`Store`](super::Store), as Moodle's local mode names it.
    /// Nothing is made before something is locked or stored. It has locks of its own: a directory of
    /// a server's store must not be changed this way while the server runs.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        // Fails only without a working directory; then so does all that follows.
        let dir = NoFollowPath::top(&path::absolute(dir).unwrap_or_else(|_| dir.to_owned()));
        Self {
            workspace: Arc::new(Workspace::of(&dir)),
            tree: dir.clone(),
            dir,
            tree_name: "model_dir".to_owned(),
            model_lock: "model_dir.model".to_owned(),
            retention: Retention::default(),
            begun: None,
        }
    }

    /// The directory of `id` and `hash` in the data directory `root`.
    pub(super) fn within(
        root: &NoFollowPath,
        workspace: &Arc<Workspace>,
        retention: Retention,
        id: &ModelId,
        hash: &DirHash,
    ) -> Self {
        let tree = root.join(id.as_str());
        // Both names together may be longer than a file's name can be.
        let both = Sha256::digest(format!("{}/{}", id.as_str(), hash.as_str()));
        Self {
            dir: tree.join(hash.as_str()),
            tree,
            tree_name: id.as_str().to_owned(),
            model_lock: format!("{}.model", hex::encode(both)),
            workspace: Arc::clone(workspace),
            retention,
            begun: None,
        }
    }

    /// The directory for one job that starts now, before it waits for anything: a deletion from now on
    /// comes after it, whenever [`Self::lock`] or [`Self::begin_run`] is called. Without this, work begins with
    /// these. A mark on the disk stays as long as this value.
    pub fn begin(self) -> Result<Self, StoreError> {
        Ok(Self { begun: Some(self.beginning()?), ..self })
    }

    pub(super) fn beginning(&self) -> Result<Arc<DeletionGuard>, StoreError> {
        match &self.begun {
            Some(begun) => Ok(Arc::clone(begun)),
            None => DeletionGuard::now(&self.workspace, &self.tree_name, &self.tree).map(Arc::new),
        }
    }

    /// Waits until no other job changes this model, also in other processes. Hold it from reading
    /// what a training starts from until publishing. One thread must not lock one model twice.
    pub fn lock(&self) -> Result<ModelLock, StoreError> {
        let begun = self.beginning()?;
        let file = self.workspace.lock(&self.model_lock)?;
        Ok(ModelLock { model_dir: self.dir.path(), begun, _file: file })
    }

    /// The newest published generation; needs no lock. `None` when nothing was published, also when
    /// the Python server has a model there. When the newest one is damaged (as far as sizes tell),
    /// the one before; [`StoreError::Corrupt`] when there was a model and nothing whole is left.
    pub fn current(&self) -> Result<Option<Generation>, StoreError> {
        let classifier = self.classifier();
        if let Some(generation) = classifier.pointed()? {
            return Ok(Some(generation));
        }
        if classifier.is_untouched()? {
            return Ok(None);
        }
        // Another process may just be publishing the first one.
        let _quiet = self.lock_tree()?;
        classifier.settled()
    }

    /// The newest generation of which `read` makes sense: of which it says nothing like
    /// [`StoreError::Corrupt`], as reading a file says whose bytes have changed. `None` when nothing was
    /// published; the first error when nothing makes sense.
    pub fn newest<T>(
        &self,
        read: impl Fn(&Generation) -> Result<T, StoreError>,
    ) -> Result<Option<(Generation, T)>, StoreError> {
        let Some(current) = self.current()? else { return Ok(None) };
        let damage = match read(&current) {
            Ok(value) => return Ok(Some((current, value))),
            Err(damage @ StoreError::Corrupt { .. }) => damage,
            Err(error) => return Err(error),
        };
        for number in
            self.classifier().numbers()?.into_iter().rev().filter(|&number| number < current.number())
        {
            let Some(generation) = self.classifier().open(number)? else { continue };
            if let Ok(value) = read(&generation) {
                tracing::warn!(%damage, number, "the current generation is damaged: using this one before it");
                return Ok(Some((generation, value)));
            }
        }
        Err(damage)
    }

    /// Like [`Self::current`] for who only looks at a directory that may be another program's: takes no
    /// lock and makes no file. While the first generation is being published it may find that one.
    pub fn look(&self) -> Result<Option<Generation>, StoreError> {
        self.classifier().settled()
    }

    /// Makes a new generation the current one: after a crash at any moment either the old or the
    /// new one is current, whole; after an error the old one is (or the new one, when all that failed
    /// was bringing the switch to the disk). As many before it are kept as the retention says.
    ///
    /// When the model was deleted since the work began, this counts as published before the
    /// deletion: nothing is kept, because it may have learnt from what had to be deleted. The
    /// returned generation can be read all the same.
    pub fn publish(&self, lock: &ModelLock, new: &NewGeneration<'_>) -> Result<Generation, StoreError> {
        debug_assert_eq!(lock.model_dir, self.dir.path(), "the lock of another model");
        let classifier = self.classifier();
        let mut keep = classifier.sound(self.retention.generations.saturating_sub(1))?;
        let previous = keep.first().copied();
        let number = classifier.next_number()?;
        keep.push(number);
        let staged = Staged::write(self.workspace.temporary()?, new, number, previous)?;

        // All that needs time is done: a deletion waits for a few renames only.
        let tree = self.lock_tree()?;
        let moving = self.workspace.moving();
        if lock.begun.is_void(&self.tree)? {
            tracing::info!(number, "the model was deleted during the training: nothing is kept");
            return Ok(staged.generation);
        }
        classifier.install(number, &staged.dir(), &staged.pointer())?;
        let outdated = classifier.take_out_others(&keep, &self.workspace);
        drop((moving, tree));
        if let Err(error) = outdated {
            tracing::warn!(%error, "older generations stay until the next training");
        }
        Ok(staged.generation)
    }

    /// Lets the pointer name the generation that [`Self::current`] finds. It does already, unless a crash has
    /// cut off the publishing of the first one, or the pointer was lost.
    pub fn settle(&self, lock: &ModelLock) -> Result<(), StoreError> {
        debug_assert_eq!(lock.model_dir, self.dir.path(), "the lock of another model");
        let _tree = self.lock_tree()?;
        self.settle_behind_tree_lock()
    }

    pub(super) fn settle_behind_tree_lock(&self) -> Result<(), StoreError> {
        let classifier = self.classifier();
        if classifier.pointed()?.is_some() {
            return Ok(());
        }
        match classifier.settled() {
            Ok(Some(generation)) => classifier.point_to(generation.record(), &self.workspace.temporary()?),
            // Reading it reports the error.
            Ok(None) | Err(StoreError::Corrupt { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The files of the model that the Python server keeps here, by their names below `classifier/`; `None`
    /// when there is none. Needs no lock: nothing here writes them. [`StoreError::Corrupt`] when they are
    /// larger than such files are.
    pub fn python_server_files(&self) -> Result<Option<BTreeMap<String, Vec<u8>>>, StoreError> {
        self.classifier().python_server().read()
    }

    /// Whether there is anything of the Python server here, whole or not.
    #[must_use]
    pub fn has_python_server_files(&self) -> bool {
        self.classifier().python_server().any()
    }

    /// Removes what the Python server keeps here, and nothing else.
    pub fn remove_python_server_files(&self, lock: &ModelLock) -> Result<(), StoreError> {
        debug_assert_eq!(lock.model_dir, self.dir.path(), "the lock of another model");
        let tree = self.lock_tree()?;
        let taken = self.classifier().python_server().take(&self.workspace)?;
        drop(tree);
        taken.into_iter().try_for_each(Temporary::remove)
    }

    /// Starts an evaluation run with an id that no other run of this model has or gets. Start it
    /// before reading anything: a run whose model is deleted during the evaluation is not kept.
    pub fn begin_run(&self) -> Result<NewRun, StoreError> {
        NewRun::begin(self)
    }

    /// A published run. A deletion may take it away at any time.
    pub fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let place = self.run_dir(run);
        match files::kind(&place)? {
            Some(Kind::Directory) => Ok(Some(Run::at(place))),
            Some(Kind::Link) => Err(place.is_link()).during("open", &place),
            _ => Ok(None),
        }
    }

    pub(super) fn run_dir(&self, run: RunId) -> NoFollowPath {
        self.logs().join(run.to_string())
    }

    pub(super) fn logs(&self) -> NoFollowPath {
        self.dir.join("logs")
    }

    /// Excludes deletions and other publishing under the same model id.
    pub(super) fn lock_tree(&self) -> Result<FileLock, StoreError> {
        self.workspace.lock(&tree_lock(&self.tree_name))
    }

    /// The same for read-only use, which leaves nothing behind. `None` where nothing can have been published, or on a
    /// disk that cannot be written.
    pub(super) fn lock_tree_if_used(&self) -> Option<FileLock> {
        self.workspace.lock_if_used(&tree_lock(&self.tree_name)).ok().flatten()
    }

    pub(super) fn classifier(&self) -> Generations {
        Generations::of(&self.dir)
    }
}

/// The name of the lock that excludes publishing and deleting under one model id.
pub(super) fn tree_lock(id: &str) -> String {
    format!("{id}.tree")
}

/// A generation and its pointer on the disk, not yet at their places.
struct Staged {
    temporary: Temporary,
    generation: Generation,
}

impl Staged {
    fn write(
        temporary: Temporary,
        new: &NewGeneration<'_>,
        number: u64,
        previous: Option<u64>,
    ) -> Result<Self, StoreError> {
        let dir = staged_dir(&temporary);
        files::NewDirs::ensure(&dir)?.keep();
        files::write_new(&dir.join(MODEL), new.model)?;
        if let Some(samples) = new.samples {
            files::write_new(&dir.join(SAMPLES), samples)?;
        }
        let record = Manifest {
            generation: number,
            when: Timestamp::now().to_string(),
            files: Files { model: Checksum::of(new.model), samples: new.samples.map(Checksum::of) },
            facts: new.facts.clone(),
            seal: None,
        };
        let record = record.sealed(&dir)?;
        files::write_new(&dir.join(MANIFEST), &to_json(&record, &dir)?)?;
        files::sync_dir(&dir)?;
        let generation = Generation::open(&dir, record.clone())?
            .ok_or_else(|| StoreError::corrupt(&dir, "it changed while it was written"))?;
        let pointer = to_json(&Pointer { record, previous }, &dir)?;
        files::write_new(&temporary.place().join(POINTER), &pointer)?;
        Ok(Self { temporary, generation })
    }

    fn dir(&self) -> NoFollowPath {
        staged_dir(&self.temporary)
    }

    fn pointer(&self) -> NoFollowPath {
        self.temporary.place().join(POINTER)
    }
}

fn staged_dir(temporary: &Temporary) -> NoFollowPath {
    temporary.place().join("generation")
}
