//! A client of an S3 server that waits for its replies, made of the crate that the program uses, too.
//!
//! Tries every request once, so that each failure is seen. Must not know which server it talks to.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    RetryConfig, UpdateVersion,
};
use tokio::runtime::{Builder, Runtime};

use super::object_server::bucket_settings;

/// Longer than any reply takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A bucket at an address.
pub struct ObjectClient {
    store: AmazonS3,
    runtime: Runtime,
}

impl ObjectClient {
    pub fn new(url: &str, bucket: &str) -> Self {
        Self::with_timeout(url, bucket, TIMEOUT)
    }

    /// One whose requests fail after this time.
    pub fn with_timeout(url: &str, bucket: &str, timeout: Duration) -> Self {
        // The HTTP client needs one, also without TLS.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let options = ClientOptions::new().with_allow_http(true).with_timeout(timeout);
        let mut builder =
            AmazonS3Builder::new().with_bucket_name(bucket).with_retry(once).with_client_options(options);
        for (name, value) in bucket_settings(url, bucket) {
            // The first is the program's own.
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                builder = builder.with_config(key, value);
            }
        }
        let store = builder.build();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { store: store.expect("valid settings"), runtime }
    }

    /// Stores an object, also over another; returns its `ETag`.
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String, Error> {
        self.put_if(key, bytes, PutMode::Overwrite)
    }

    /// Stores an object that does not exist yet.
    pub fn create(&self, key: &str, bytes: Vec<u8>) -> Result<String, Error> {
        self.put_if(key, bytes, PutMode::Create)
    }

    /// Replaces the object that has this `ETag`.
    pub fn replace(&self, key: &str, bytes: Vec<u8>, tag: &str) -> Result<String, Error> {
        let version = UpdateVersion { e_tag: Some(tag.to_owned()), version: None };
        self.put_if(key, bytes, PutMode::Update(version))
    }

    fn put_if(&self, key: &str, bytes: Vec<u8>, mode: PutMode) -> Result<String, Error> {
        let (path, payload) = (Path::from(key), PutPayload::from(bytes));
        let put = self.store.put_opts(&path, payload, PutOptions::from(mode));
        self.runtime.block_on(put).map(|put| put.e_tag.expect("a stored object has an ETag"))
    }

    /// An object, if it exists.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = Path::from(key);
        match self.runtime.block_on(async { self.store.get(&path).await?.bytes().await }) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The keys of all objects, in order.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        let list = self.store.list(None).map_ok(|object| object.location.to_string());
        let mut keys: Vec<String> = self.runtime.block_on(list.try_collect())?;
        keys.sort();
        Ok(keys)
    }
}
