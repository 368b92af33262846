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

use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::BackendError;
use super::current_model::CurrentModel;
use crate::model::Model;
use crate::store::{ModelDir, ModelIdentity};

/// A guess for the cache's tables, which grow if it is wrong.
const EXPECTED_MODELS: usize = 64;

/// The models in memory, by the path of their directory.
pub struct LoadedModels(Option<Cache<PathBuf, Arc<Loaded>, ByBytes>>);

/// A model in memory.
pub(super) struct Loaded {
    pub(super) model: Model,
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

    /// The current model, prepared for this many samples; `None` if no model was trained or imported.
    pub(super) fn current(
        &self,
        model_dir: &ModelDir,
        samples: usize,
    ) -> Result<Option<Arc<Loaded>>, BackendError> {
        let load = || Ok(Loaded::read(model_dir, samples)?.map(Arc::new));
        let Some(cache) = &self.0 else { return load() };
        let directory = model_dir.path();
        if let Some(loaded) = cache.get(&directory) {
            if loaded.is_current(model_dir)? {
                return Ok(Some(loaded));
            }
            cache.remove_if(&directory, |other| Arc::ptr_eq(other, &loaded));
        }
        match cache.get_value_or_guard(&directory, None) {
            GuardResult::Value(loaded) if loaded.is_current(model_dir)? => Ok(Some(loaded)),
            // It was loaded by another request, and replaced since; or, which cannot be, the wait timed out.
            GuardResult::Value(_) | GuardResult::Timeout => load(),
            GuardResult::Guard(guard) => {
                let loaded = load()?;
                if let Some(loaded) = loaded.as_ref().filter(|loaded| loaded.identity.is_some()) {
                    // It fails for a model that was removed meanwhile, and one that is too large is not kept.
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
        Ok(Some(Self { model: Model::load_for(&current.onnx, samples)?, identity }))
    }

    fn is_current(&self, model_dir: &ModelDir) -> Result<bool, BackendError> {
        Ok(self.identity.as_ref().map_or(Ok(false), |identity| model_dir.is_current(identity))?)
    }
}
