//! Stores models, their samples and their evaluation runs.
//!
//! Owns the places where they are kept: `local` is a data directory, `bucket` is a bucket of an object store that several
//! machines share. What the program asks of them is [`Store`] and [`ModelDir`]; `place` is the seam between. Must not know
//! what the bytes of a model or of samples mean.

mod bucket;
mod data_dir;
mod error;
mod finding;
mod generation;
mod generation_info;
mod identity;
mod key;
mod listing;
mod local;
mod manifest;
mod model_dir;
mod place;
mod pruned;
mod retention;
mod rollback;
mod samples_limit;
mod store_place;
mod usage;

pub(crate) use bucket::{BucketFile, Condition, LEASE_EXPIRY, Lease, Leases, Objects, Unavailable};
pub use bucket::{BucketUrl, BucketUrlError};
pub(crate) use data_dir::OwnPlace;
pub use data_dir::Store;
pub(crate) use error::IoContext;
pub use error::StoreError;
pub use finding::{Finding, Repair};
pub use generation::{Generation, NewGeneration};
pub use generation_info::{GenerationInfo, StoredFile};
pub use identity::ModelIdentity;
pub use key::{DirHash, IdError, ModelId, ModelKey, RunId};
pub use listing::Listing;
pub(crate) use local::{FileLock, WORKSPACE, create_dir_all, entries, sync_dir};
pub use model_dir::{ModelDir, ModelLock, NewRun, Run};
pub use pruned::{Outdated, Pruned};
pub use retention::Retention;
pub use rollback::RollbackError;
pub use samples_limit::SAMPLES_SINCE;
pub use usage::Usage;
