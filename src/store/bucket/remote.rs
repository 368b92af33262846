//! A bucket of an object store: S3 and servers that speak its protocol, Google Cloud Storage, Azure Blob Storage.
//!
//! Owns what the replies of each store mean, and the thread of the requests; the callers block. Must not know what an object
//! contains.

use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use tokio::runtime::{Builder, Handle};

use super::client::client;
use super::objects::{Condition, Got, Listed, Objects, Unavailable, Version};
use super::url::{BucketUrl, Provider};
use crate::store::error::StoreError;

/// An open bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    url: BucketUrl,
    thread: Handle,
}

impl Bucket {
    /// A bucket with the settings of the usual variables of its store; others are ignored. Sends no request.
    ///
    /// # Errors
    /// [`StoreError::UnusableBucket`] if a variable is wrong.
    pub(crate) fn new(
        url: &BucketUrl,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, StoreError> {
        let unusable = |error: &dyn std::fmt::Display| {
            StoreError::unusable_bucket(url.to_string().as_ref(), error.to_string())
        };
        let store = client(url, variables).map_err(|error| unusable(&error))?;
        let thread = runtime().map_err(|error| unusable(&error))?;
        Ok(Self { store, url: url.clone(), thread })
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
        format!("{}/{key}", self.url).into()
    }

    fn get(&self, key: &str, unless: Option<&Version>) -> Result<Got, Unavailable> {
        const ACTION: &str = "read";
        let (store, path) = (Arc::clone(&self.store), self.path(ACTION, key)?);
        let if_none_match = unless.and_then(|version| of_store(version).e_tag);
        let options = GetOptions { if_none_match, ..GetOptions::default() };
        let provider = self.url.provider();
        let got = self.wait(ACTION, key, async move {
            let got = store.get_opts(&path, options).await?;
            let version = version(provider, got.meta.e_tag.clone(), got.meta.version.clone());
            Ok((got.bytes().await?.to_vec(), version))
        })?;
        match got {
            Ok((bytes, Some(version))) => Ok(Got::Found(bytes, version)),
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
        let (replaces, is_conditional) =
            (matches!(condition, Condition::Is(_)), !matches!(condition, Condition::Any));
        let mode = match condition {
            Condition::Any => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Is(version) => PutMode::Update(of_store(version)),
        };
        let put = self.wait(ACTION, key, async move {
            store.put_opts(&path, PutPayload::from(bytes), PutOptions::from(mode)).await
        })?;
        match put {
            Ok(put) => match version(self.url.provider(), put.e_tag, put.version) {
                Some(version) => Ok(Some(version)),
                None => Err(self.unavailable(ACTION, key, NO_VERSION)),
            },
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) if is_conditional => Ok(None),
            // The reply of some stores to If-Match if the object was removed.
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

const NO_VERSION: &str = "the object store gives objects no version: an ETag, and a generation at Google";

/// The version of an object: its `ETag`. Google's conditions of puts compare generations instead, so its versions have both, one
/// a line. Other stores also number versions, but not in all replies.
fn version(provider: Provider, e_tag: Option<String>, generation: Option<String>) -> Option<Version> {
    match provider {
        Provider::Google => Some(Version(format!("{}\n{}", e_tag?, generation?))),
        Provider::S3 | Provider::Azure => e_tag.map(Version),
    }
}

/// A version as [`version`] was given it.
fn of_store(Version(text): &Version) -> UpdateVersion {
    let (e_tag, generation) = match text.split_once('\n') {
        Some((e_tag, generation)) => (e_tag, Some(generation.to_owned())),
        None => (text.as_str(), None),
    };
    UpdateVersion { e_tag: Some(e_tag.to_owned()), version: generation }
}

fn of_meta(meta: &ObjectMeta) -> Listed {
    Listed {
        key: meta.location.to_string(),
        bytes: meta.size,
        stored_at: u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Google compares the generation in conditions of puts, and the `ETag` in those of gets; no emulator of it does.
    #[test]
    fn a_version_has_what_the_conditions_of_its_store_compare() {
        let (tag, number) = (|| Some("\"tag\"".to_owned()), || Some("17".to_owned()));
        let google = version(Provider::Google, tag(), number()).expect("a version");
        assert_eq!(of_store(&google), UpdateVersion { e_tag: tag(), version: number() });
        assert_ne!(
            version(Provider::Google, tag(), Some("18".to_owned())),
            Some(google),
            "it was stored again"
        );
        for provider in [Provider::S3, Provider::Azure] {
            // A bucket that keeps old versions numbers them, but not in each reply.
            let other = version(provider, tag(), number()).expect("a version");
            assert_eq!(Some(&other), version(provider, tag(), None).as_ref());
            assert_eq!(of_store(&other), UpdateVersion { e_tag: tag(), version: None });
        }
    }

    #[test]
    fn a_reply_without_what_conditions_need_has_no_version() {
        for provider in [Provider::S3, Provider::Google, Provider::Azure] {
            assert_eq!(version(provider, None, Some("17".to_owned())), None);
        }
        assert_eq!(version(Provider::Google, Some("\"tag\"".to_owned()), None), None);
    }
}
