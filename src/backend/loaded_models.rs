//! Models that are kept in memory between predictions.
//!
//! Owns when a loaded model may be used again: only while it is the current one on the disk, which each prediction asks the
//! store. So a publication, an import or a deletion takes effect at once, whichever process it comes from. Must not know
//! how a model is found, loaded or run.
//!
//! The cache is `quick_cache`: bounded by weight, evicted by use, and only one of several concurrent requests loads a model.
//! The crate `lru` counts entries instead of bytes, and `moka` brings threads and more than ten crates.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::BackendError;
use super::current_model::CurrentModel;
use crate::model::Model;
use crate::store::{ModelDir, ModelIdentity};
use crate::telemetry::metrics::{CacheState, metrics};

/// How long a request waits for another one that loads the same model. Requests for a model that cannot be kept would otherwise
/// load it one after another.
const MAX_WAIT: Duration = Duration::from_millis(200);

/// A guess for the cache's tables, which grow if it is wrong.
const EXPECTED_MODELS: usize = 64;

/// The models in memory, by the path of their directory.
pub struct LoadedModels(Option<Cache<PathBuf, Arc<Loaded>, ByBytes>>);

/// A model in memory.
pub(super) struct Loaded {
    pub(super) model: Model,
    /// Whether it was trained elsewhere.
    pub(super) imported: bool,
    /// `None` if there is no cheap way to see whether it is still the current one.
    identity: Option<ModelIdentity>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<PathBuf, Arc<Loaded>> for ByBytes {
    fn weight(&self, _: &PathBuf, loaded: &Arc<Loaded>) -> u64 {
        loaded.model.bytes() as u64
    }
}

impl LoadedModels {
    /// Keeps models of this many bytes altogether, as [`Model::bytes`] estimates them. A larger model is loaded for each
    /// prediction.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            // A share of the bytes per shard would refuse models that are larger than it.
            .shards(1)
            .estimated_items_capacity(EXPECTED_MODELS)
            .weight_capacity(max_bytes)
            .build();
        let cache = options.ok().filter(|_| max_bytes > 0).map(|options| {
            Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default())
        });
        Self(cache)
    }

    /// Keeps none.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// The number and size of the models in memory.
    pub(crate) fn state(&self) -> CacheState {
        self.0.as_ref().map_or_else(CacheState::default, |cache| CacheState {
            models: cache.len(),
            bytes: cache.weight(),
            max_bytes: cache.capacity(),
        })
    }

    /// Whether the last model that a prediction used was trained elsewhere; `None` if it is not in memory. The current one may
    /// be another by now.
    #[must_use]
    pub fn uses_imported(&self, model_dir: &ModelDir) -> Option<bool> {
        Some(self.0.as_ref()?.peek(&model_dir.path())?.imported)
    }

    /// The current model, prepared for this many samples; `None` if no model was trained or imported.
    pub(super) fn current(
        &self,
        model_dir: &ModelDir,
        samples: usize,
    ) -> Result<Option<Arc<Loaded>>, BackendError> {
        let load = || {
            metrics().cache_missed();
            Ok(Loaded::read(model_dir, samples)?.map(Arc::new))
        };
        let Some(cache) = &self.0 else { return load() };
        let directory = model_dir.path();
        if let Some(loaded) = cache.get(&directory) {
            if loaded.is_current(model_dir)? {
                metrics().cache_hit();
                return Ok(Some(loaded));
            }
            cache.remove_if(&directory, |other| Arc::ptr_eq(other, &loaded));
        }
        match cache.get_value_or_guard(&directory, Some(MAX_WAIT)) {
            GuardResult::Value(loaded) if loaded.is_current(model_dir)? => {
                metrics().cache_hit();
                Ok(Some(loaded))
            }
            // It was loaded by another request, and replaced since; or other requests cannot load it.
            GuardResult::Value(_) | GuardResult::Timeout => load(),
            GuardResult::Guard(guard) => {
                let loaded = load()?;
                if let Some(loaded) = loaded.as_ref().filter(|loaded| loaded.identity.is_some()) {
                    // It fails if the entry was removed in between; a model that is too large is not kept.
                    let _ = guard.insert(Arc::clone(loaded));
                }
                Ok(loaded)
            }
        }
    }
}

impl Loaded {
    fn read(model_dir: &ModelDir, samples: usize) -> Result<Option<Self>, BackendError> {
        // Before the files are read: a change while they are read makes another identity.
        let python_server = model_dir.python_server_identity().ok().flatten();
        let Some(current) = CurrentModel::at(model_dir)? else { return Ok(None) };
        let identity = match &current.generation {
            Some(generation) => generation.identity(),
            None => python_server,
        };
        let imported = current.is_imported();
        Ok(Some(Self { model: Model::load_for(&current.onnx, samples)?, imported, identity }))
    }

    fn is_current(&self, model_dir: &ModelDir) -> Result<bool, BackendError> {
        Ok(self.identity.as_ref().map_or(Ok(false), |identity| model_dir.is_current(identity))?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::backend::{TrainingOptions, Upload, train};
    use crate::dataset::Limits;

    fn trained(dir: &tempfile::TempDir, name: &str) -> ModelDir {
        let model_dir = ModelDir::at(&dir.path().join(name));
        let mut text = "nfeatures,targetclasses,targettype\n1,\"[0,1]\",discrete\na,target\n".to_owned();
        text.extend((0..40).map(|row| format!("{},{}\n", f64::from(row % 2) - 0.5, row % 2)));
        let upload = Upload::from(text.into_bytes());
        train(&model_dir, upload, &Limits::default(), TrainingOptions::default()).expect("trained");
        model_dir
    }

    fn current(models: &LoadedModels, model_dir: &ModelDir) -> Arc<Loaded> {
        models.current(model_dir, 1).expect("readable").expect("trained")
    }

    #[test]
    fn a_model_is_loaded_once_and_again_when_it_was_published_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let (model_dir, models) = (trained(&dir, "a"), LoadedModels::new(64 << 20));
        let first = current(&models, &model_dir);
        assert!(Arc::ptr_eq(&first, &current(&models, &model_dir)));
        trained(&dir, "a");
        let second = current(&models, &model_dir);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &current(&models, &model_dir)));
        // The same bytes in another file, such as one from a backup.
        let file = dir.path().join("a/classifier/2/model.onnx");
        fs::copy(&file, dir.path().join("copy")).expect("copied");
        fs::rename(dir.path().join("copy"), &file).expect("replaced");
        assert!(!Arc::ptr_eq(&second, &current(&models, &model_dir)));
    }

    #[test]
    fn models_beyond_the_bytes_of_the_cache_are_not_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let model_dirs = ["a", "b", "c", "d"].map(|name| trained(&dir, name));
        let bytes = current(&LoadedModels::none(), &model_dirs[0]).model.bytes() as u64;
        let models = LoadedModels::new(bytes * 5 / 2);
        let kept = |models: &LoadedModels| models.0.as_ref().map_or(0, Cache::len);
        model_dirs.iter().for_each(|model_dir| drop(current(&models, model_dir)));
        assert_eq!(kept(&models), 2);
        let last = current(&models, &model_dirs[3]);
        assert!(Arc::ptr_eq(&last, &current(&models, &model_dirs[3])));
        let too_small = LoadedModels::new(bytes / 2);
        drop(current(&too_small, &model_dirs[0]));
        assert_eq!(kept(&too_small), 0);
    }

    #[test]
    fn a_deleted_model_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let (model_dir, models) = (trained(&dir, "a"), LoadedModels::new(64 << 20));
        drop(current(&models, &model_dir));
        fs::remove_dir_all(dir.path().join("a")).expect("removed");
        assert!(models.current(&model_dir, 1).expect("readable").is_none());
    }
}
