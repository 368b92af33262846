//! What every request handler shares.

use std::sync::Once;
use std::time::Duration;

use super::debug_copy::DebugCopies;
use super::error::StartError;
use super::shutdown::Shutdown;
use super::spool::Spool;
use crate::auth::throttle::Throttle;
use crate::auth::users::Users;
use crate::backend::{Backend, ImportLimits};
use crate::config::{BodyRate, Config, UploadLimits};
use crate::dataset::Limits;
use crate::jobs::JobQueues;
use crate::net::trusted_proxies::TrustedProxies;
use crate::store::{ModelKey, Store};

/// What every request handler shares.
pub(crate) struct AppState {
    pub(super) backend: Backend,
    pub(super) users: Option<Users>,
    pub(super) throttle: Throttle,
    pub(super) proxies: TrustedProxies,
    /// Done when the operator was told of a proxy that was not named.
    pub(super) missed_proxy: Once,
    pub(super) isolate_users: bool,
    pub(super) jobs: JobQueues<ModelKey>,
    pub(super) spool: Spool,
    pub(super) stopping: Shutdown,
    pub(super) stash: Option<DebugCopies>,
    pub(super) uploads: UploadLimits,
    pub(super) body_rate: BodyRate,
    pub(super) import: ImportLimits,
    pub(super) dataset: Limits,
    pub(super) max_iterations: usize,
    pub(super) evaluation_time: Duration,
    pub(super) reported_version: String,
}

impl AppState {
    pub(crate) fn new(settings: Config) -> Result<Self, StartError> {
        let store = Store::open(&settings.data_dir)?.keeping(settings.retention.into());
        let spool = Spool::open(&settings.temp_dir).map_err(StartError::Spool)?;
        Ok(Self {
            backend: Backend::new(store),
            users: settings.users,
            throttle: Throttle::new(settings.access.login_failures),
            proxies: settings.access.trusted_proxies,
            missed_proxy: Once::new(),
            isolate_users: settings.access.isolate_users,
            jobs: JobQueues::new(settings.jobs, settings.queue_length, settings.queue_time),
            spool,
            stopping: Shutdown::default(),
            stash: settings.stash_dir.map(DebugCopies::new),
            uploads: settings.uploads,
            body_rate: settings.connections.body_rate,
            import: settings.import,
            dataset: settings.dataset.into(),
            max_iterations: settings.max_iterations,
            evaluation_time: settings.evaluation_time,
            reported_version: settings.reported_version,
        })
    }
}
