//! A bucket of S3, or of a server that speaks its protocol.
//!
//! Owns the client, its patience and its thread; the callers block. Must not know what an object contains.

use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectMeta, ObjectStore as _, ObjectStoreExt as _,
    PutMode, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};
use tokio::runtime::{Builder, Handle};

use super::objects::{Condition, Got, Listed, Objects, Unavailable, Version};
use crate::store::error::StoreError;

/// How long an operation is tried again before the caller gets an error: shorter than clients wait.
const PATIENCE: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One attempt, with the transfer of a large model.
const TIMEOUT: Duration = Duration::from_mins(1);
const RETRIES: usize = 6;

/// An open bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<AmazonS3>,
    name: String,
    thread: Handle,
}

impl Bucket {
    /// A bucket with the settings of the usual variables `AWS_*`; others are ignored. Sends no request.
    ///
    /// # Errors
    /// [`StoreError::UnusableBucket`] if a variable is wrong.
    pub(crate) fn new(
        name: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, StoreError> {
        // Without one, TLS could not be used; the program may have installed it already.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let address = PathBuf::from(format!("s3://{name}"));
        let unusable =
            |error: &dyn std::fmt::Display| StoreError::unusable_bucket(&address, error.to_string());
        let client = ClientOptions::new().with_timeout(TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT);
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(2),
            base: 2.,
        };
        let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: PATIENCE };
        let mut builder = AmazonS3Builder::new().with_client_options(client).with_retry(retry);
        for (variable, value) in variables.into_iter().filter(|(variable, _)| variable.starts_with("AWS_")) {
            // The variables of other tools are none of these.
            if let Ok(key) = variable.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let store = builder.with_bucket_name(name).build().map_err(|error| unusable(&error))?;
        let thread = runtime().map_err(|error| unusable(&error))?;
        Ok(Self { store: Arc::new(store), name: name.to_owned(), thread })
    }

    /// Waits for a request, which runs in a thread of its own: the caller may be in any other.
    fn wait<T: Send + 'static>(
        &self,
        action: &'static str,
        key: &str,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Result<T, Error>, Unavailable> {
        let (sender, receiver) = sync_channel(1);
        self.thread.spawn(async move {
            // The caller waits, so the channel is open.
            let _ = sender.send(request.await);
        });
        receiver.recv().map_err(|error| self.unavailable(action, key, error))
    }

    fn unavailable(
        &self,
        action: &'static str,
        key: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Unavailable {
        let source = source.into();
        let is_final = source.downcast_ref::<Error>().is_some_and(|error| {
            matches!(
                error,
                Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::NotFound { .. }
            )
        });
        Unavailable { action, address: self.address(key), source, is_final }
    }

    fn path(&self, action: &'static str, key: &str) -> Result<Path, Unavailable> {
        Path::parse(key).map_err(|error| self.unavailable(action, key, error))
    }

    fn prefix(&self, action: &'static str, prefix: &str) -> Result<Option<Path>, Unavailable> {
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() { Ok(None) } else { self.path(action, prefix).map(Some) }
    }
}

/// The thread of all buckets; it never ends, because a runtime must not be dropped by a thread of another.
fn runtime() -> std::io::Result<Handle> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("bucket".to_owned()).spawn(run)?;
    Ok(RUNTIME.get_or_init(|| handle).clone())
}

impl Objects for Bucket {
    fn address(&self, key: &str) -> PathBuf {
        format!("s3://{}/{key}", self.name).into()
    }

    fn get(&self, key: &str, unless: Option<&Version>) -> Result<Got, Unavailable> {
        const ACTION: &str = "read";
        let (store, path) = (Arc::clone(&self.store), self.path(ACTION, key)?);
        let options =
            GetOptions { if_none_match: unless.map(|version| version.0.clone()), ..GetOptions::default() };
        let got = self.wait(ACTION, key, async move {
            let got = store.get_opts(&path, options).await?;
            let version = got.meta.e_tag.clone();
            Ok((got.bytes().await?.to_vec(), version))
        })?;
        match got {
            Ok((bytes, Some(version))) => Ok(Got::Found(bytes, Version(version))),
            Ok((_, None)) => Err(self.unavailable(ACTION, key, NO_VERSION)),
            Err(Error::NotFound { .. }) => Ok(Got::Missing),
            Err(Error::NotModified { .. }) => Ok(Got::Unchanged),
            Err(error) => Err(self.unavailable(ACTION, key, error)),
        }
    }

    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Option<Version>, Unavailable> {
        const ACTION: &str = "store";
        let (store, path) = (Arc::clone(&self.store), self.path(ACTION, key)?);
        let replaces = matches!(condition, Condition::Is(_));
        let mode = match condition {
            Condition::Any => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Is(version) => {
                PutMode::Update(UpdateVersion { e_tag: Some(version.0.clone()), version: None })
            }
        };
        let put = self.wait(ACTION, key, async move {
            store.put_opts(&path, PutPayload::from(bytes), PutOptions::from(mode)).await
        })?;
        match put {
            Ok(put) => match put.e_tag {
                Some(version) => Ok(Some(Version(version))),
                None => Err(self.unavailable(ACTION, key, NO_VERSION)),
            },
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            // S3's reply to If-Match if the object was removed.
            Err(Error::NotFound { .. }) if replaces => Ok(None),
            Err(error) => Err(self.unavailable(ACTION, key, error)),
        }
    }

    fn delete(&self, key: &str) -> Result<(), Unavailable> {
        const ACTION: &str = "remove";
        let (store, path) = (Arc::clone(&self.store), self.path(ACTION, key)?);
        match self.wait(ACTION, key, async move { store.delete(&path).await })? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unavailable(ACTION, key, error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, Unavailable> {
        const ACTION: &str = "list";
        let (store, path) = (Arc::clone(&self.store), self.prefix(ACTION, prefix)?);
        let list = async move { store.list(path.as_ref()).try_collect::<Vec<ObjectMeta>>().await };
        let listed = self.wait(ACTION, prefix, list)?;
        let listed = listed.map_err(|error| self.unavailable(ACTION, prefix, error))?;
        Ok(listed.iter().map(of_meta).collect())
    }

    fn directories(&self, prefix: &str) -> Result<Vec<String>, Unavailable> {
        const ACTION: &str = "list";
        let (store, path) = (Arc::clone(&self.store), self.prefix(ACTION, prefix)?);
        let list = async move { store.list_with_delimiter(path.as_ref()).await };
        let listed = self.wait(ACTION, prefix, list)?;
        let listed = listed.map_err(|error| self.unavailable(ACTION, prefix, error))?;
        Ok(listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned)).collect())
    }
}

const NO_VERSION: &str = "the object store gives objects no ETag";

fn of_meta(meta: &ObjectMeta) -> Listed {
    Listed {
        key: meta.location.to_string(),
        bytes: meta.size,
        stored_at: u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0),
    }
}
