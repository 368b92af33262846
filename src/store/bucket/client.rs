//! The client of a bucket, made of its URL and of the variables that are usual for its kind of store.
//!
//! Owns the patience of requests, and which variables count. Must not know what is requested.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, Error, ObjectStore, RetryConfig};

use super::url::{BucketUrl, Provider};

/// How long an operation is tried again before the caller gets an error: shorter than clients wait.
const PATIENCE: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One attempt, with the transfer of a large model.
const TIMEOUT: Duration = Duration::from_mins(1);
const RETRIES: usize = 6;

/// Builds a client. The builders have the same methods, but no common trait.
macro_rules! build {
    ($builder:ty, $url:expr, $settings:expr) => {{
        let builder = <$builder>::new().with_client_options(options()).with_retry(retry());
        // Variables of other tools are no keys.
        let set = |builder: $builder, (key, value): (String, String)| match key.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        };
        // The URL is last: it overrides variables that name a bucket.
        Arc::new($settings.fold(builder, set).with_url($url.to_string()).build()?)
    }};
}

/// The client of a bucket. Sends no request.
pub(super) fn client(
    url: &BucketUrl,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn ObjectStore>, Error> {
    // Without one, TLS could not be used; the program may have installed it already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let settings = variables.into_iter().filter(|(variable, value)| {
        // Compose files leave variables empty.
        !value.is_empty() && is_setting(url.provider(), variable)
    });
    let settings = settings.map(|(variable, value)| (variable.to_ascii_lowercase(), value));
    let store: Arc<dyn ObjectStore> = match url.provider() {
        Provider::S3 => build!(AmazonS3Builder, url, settings),
        Provider::Google => build!(GoogleCloudStorageBuilder, url, settings),
        Provider::Azure => build!(MicrosoftAzureBuilder, url, settings),
    };
    let prefix = url.prefix();
    Ok(if prefix.is_root() { store } else { Arc::new(PrefixStore::new(store, prefix.clone())) })
}

/// The variables that the library's `from_env` reads, too.
fn is_setting(provider: Provider, variable: &str) -> bool {
    match provider {
        Provider::S3 => variable.starts_with("AWS_"),
        Provider::Google => variable.starts_with("GOOGLE_") || variable == "SERVICE_ACCOUNT",
        Provider::Azure => variable.starts_with("AZURE_") || variable == "IDENTITY_ENDPOINT",
    }
}

fn options() -> ClientOptions {
    ClientOptions::new().with_timeout(TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT)
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(2),
        base: 2.,
    };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: PATIENCE }
}
