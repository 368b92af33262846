//! The state that all request handlers share.

use std::sync::Arc;

use super::async_jobs::AsyncJobs;
use super::connection::new_connections::NewConnections;
use super::dashboard::Streams;
use super::error::StartError;
use super::monitoring::{Readiness, StoreCount};
use super::shutdown::Shutdown;
use super::uploads::Uploads;
use crate::audit::Trail;
use crate::auth::session_file::SessionFile;
use crate::auth::throttle::Throttle;
use crate::backend::LoadedModels;
use crate::config::{Config, Shares, unicode_variables};
use crate::jobs::{JobQueues, QueueLimits, WorkList};
use crate::queue::Queue;
use crate::store::{BucketFile, ModelDir, ModelKey, OwnPlace, Store, WORKSPACE};

/// The state that all request handlers share.
pub(crate) struct AppState {
    pub(super) store: Store,
    pub(super) trail: Trail,
    pub(super) throttle: Throttle,
    pub(super) jobs: JobQueues<ModelKey>,
    /// The trainings and evaluations that wait or run.
    pub(super) work: WorkList<ModelKey>,
    pub(super) async_jobs: AsyncJobs,
    pub(super) streams: Streams,
    pub(super) uploads: Uploads,
    pub(super) models: LoadedModels,
    pub(super) shutdown: Shutdown,
    pub(super) readiness: Readiness,
    pub(super) store_count: StoreCount,
    /// The keys of the dashboard's sessions.
    pub(super) sessions: SessionFile,
    pub(super) config: Config,
}

impl AppState {
    pub(super) fn new(config: Config) -> Result<Self, StartError> {
        let store = match config.bucket() {
            Some((url, variable)) => Store::open_bucket(url, unicode_variables(), true)
                .map_err(|source| StartError::Bucket { variable, source })?,
            None => Store::open(&config.data_dir)?,
        };
        let store = store.with_retention(config.retention.into());
        let sessions = match store.own_place() {
            OwnPlace::Directory(root) => SessionFile::in_dir(root.join(WORKSPACE).join("dashboard")),
            OwnPlace::Bucket(objects) => {
                let file = BucketFile::new(Arc::clone(objects), ".mlbackend/dashboard/sessions.json");
                SessionFile::shared(Arc::new(file))
            }
        };
        let queue = config.workers.redis_url().map(Queue::new).transpose().map_err(StartError::Queue)?;
        let Shares { keep_jobs, keep_job_time, .. } = config.shares;
        Ok(Self {
            trail: Trail::of(&store),
            async_jobs: AsyncJobs::of(&store, keep_jobs, keep_job_time, queue),
            store,
            throttle: Throttle::new(config.access.login_failures),
            jobs: JobQueues::new(QueueLimits {
                jobs: config.jobs,
                jobs_per_user: config.shares.jobs_of(config.jobs),
                length: config.queue_length,
                bytes: config.queue_bytes,
                timeout: config.queue_time,
            }),
            work: WorkList::default(),
            streams: Streams::default(),
            uploads: Uploads::open(&config.temp_dir),
            models: LoadedModels::new(config.model_cache),
            shutdown: Shutdown::default(),
            readiness: Readiness::default(),
            store_count: StoreCount::default(),
            sessions,
            config,
        })
    }

    /// The connections without a request.
    pub(crate) fn new_connections(&self) -> &NewConnections {
        &self.shutdown.new_connections
    }

    /// Where a model is stored.
    pub(super) fn model(&self, key: &ModelKey) -> ModelDir {
        self.store.model(&key.id, &key.dir)
    }
}
