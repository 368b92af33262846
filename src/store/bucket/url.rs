//! The URL of a bucket, such as `s3://moodle-models/site1`.
//!
//! Owns which URLs are accepted, and how a bucket is shown. A URL that could contain a secret is refused, so one that was accepted
//! can be shown; refusals do not contain it. Must not know how a bucket is opened.

use std::fmt;
use std::path::Path as FilePath;
use std::str::FromStr;

use object_store::ObjectStoreScheme;
use object_store::path::Path;
use url::Url;

/// A bucket of an object store, and the prefix of the models in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    provider: Provider,
    /// Without a slash at its end; the same for all usual forms.
    text: String,
    prefix: Path,
}

/// The protocol of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    /// Amazon S3 and servers that speak its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// Why a text is not the URL of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketUrlError {
    /// It is something else, or belongs to another kind of store.
    #[error(
        "expected the URL of a bucket: s3://BUCKET, gs://BUCKET or az://CONTAINER, each also with /PREFIX, for example \
         s3://moodle-models/site1"
    )]
    NotABucket,
    /// It may contain a secret.
    #[error(
        "the URL of a bucket is shown in messages, so it must have no user, password, query or fragment: put keys into the \
         variables AWS_*, GOOGLE_* or AZURE_*, and write only the bucket and a prefix, for example s3://moodle-models/site1"
    )]
    Secret,
    /// It names a server.
    #[error(
        "the URL of a bucket names no server: set AWS_ENDPOINT_URL, GOOGLE_BASE_URL or AZURE_ENDPOINT to its address and port, \
         and write only the bucket and a prefix, for example s3://moodle-models/site1"
    )]
    Port,
    /// No key can begin with the prefix.
    #[error("the prefix in the URL of a bucket cannot be used; write it as in s3://moodle-models/site1")]
    Prefix,
}

impl BucketUrl {
    /// The bucket of S3 with this name.
    ///
    /// # Errors
    /// When no bucket can have it.
    pub fn of_s3(name: &str) -> Result<Self, BucketUrlError> {
        let name = name.trim();
        format!("s3://{}", name.strip_prefix("s3://").unwrap_or(name)).parse()
    }

    /// The bucket in an argument that otherwise is a directory; `None` for a directory.
    #[must_use]
    pub fn instead_of(directory: &FilePath) -> Option<Result<Self, BucketUrlError>> {
        let text = directory.to_str()?;
        let (scheme, _) = text.split_once("://")?;
        scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)).then(|| text.parse())
    }

    pub(super) fn provider(&self) -> Provider {
        self.provider
    }

    /// What all keys begin with; empty for the whole bucket.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }
}

impl FromStr for BucketUrl {
    type Err = BucketUrlError;

    fn from_str(text: &str) -> Result<Self, BucketUrlError> {
        let url = Url::parse(text.trim().trim_end_matches('/')).map_err(|_| BucketUrlError::NotABucket)?;
        if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(BucketUrlError::Secret);
        }
        Path::from_url_path(url.path()).map_err(|_| BucketUrlError::Prefix)?;
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|_| BucketUrlError::NotABucket)?;
        let provider = match scheme {
            ObjectStoreScheme::AmazonS3 => Provider::S3,
            ObjectStoreScheme::GoogleCloudStorage => Provider::Google,
            ObjectStoreScheme::MicrosoftAzure => Provider::Azure,
            _ => return Err(BucketUrlError::NotABucket),
        };
        if !url.username().is_empty() && !is_container(&url) {
            return Err(BucketUrlError::Secret);
        }
        if url.port().is_some() {
            return Err(BucketUrlError::Port);
        }
        if !names_bucket(&url) {
            return Err(BucketUrlError::NotABucket);
        }
        Ok(Self { provider, text: usual_form(&url, provider), prefix })
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the user in a URL is the container of `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net`.
fn is_container(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_of_azure = host.ends_with(".core.windows.net") || host.ends_with(".fabric.microsoft.com");
    is_of_azure && ["az", "abfs", "abfss"].contains(&url.scheme())
}

/// Whether the URL of a web page, such as `https://ACCOUNT.blob.core.windows.net/CONTAINER`, names a bucket.
fn names_bucket(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    if url.scheme() != "https" {
        return !host.is_empty();
    }
    if host.ends_with("amazonaws.com") && !host.starts_with("s3.") {
        // BUCKET.s3.REGION.amazonaws.com. If it begins with "s3", the library takes the first part of the path for the bucket.
        return !host.starts_with("s3");
    }
    !url.path().trim_matches('/').is_empty()
}

fn usual_form(url: &Url, provider: Provider) -> String {
    let scheme = match provider {
        _ if url.scheme() == "https" || !url.username().is_empty() => return url.to_string(),
        Provider::S3 => "s3",
        Provider::Google => "gs",
        Provider::Azure => "az",
    };
    let path = url.path().trim_end_matches('/');
    format!("{scheme}://{}{path}", url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("s3://models", Provider::S3, "s3://models", "")]
    #[case(" s3a://My_models.2/ ", Provider::S3, "s3://My_models.2", "")]
    #[case("s3://models/some/prefix//", Provider::S3, "s3://models/some/prefix", "some/prefix")]
    #[case("s3://models/with%20space", Provider::S3, "s3://models/with%20space", "with space")]
    #[case("gs://models/site1", Provider::Google, "gs://models/site1", "site1")]
    #[case("az://models/site1", Provider::Azure, "az://models/site1", "site1")]
    #[case("abfs://models", Provider::Azure, "az://models", "")]
    #[case(
        "abfss://models@account.dfs.core.windows.net/site1",
        Provider::Azure,
        "abfss://models@account.dfs.core.windows.net/site1",
        "site1"
    )]
    #[case(
        "https://account.blob.core.windows.net/models/site1",
        Provider::Azure,
        "https://account.blob.core.windows.net/models/site1",
        "site1"
    )]
    #[case(
        "https://models.s3.eu-west-1.amazonaws.com/site1",
        Provider::S3,
        "https://models.s3.eu-west-1.amazonaws.com/site1",
        "site1"
    )]
    fn accepts_urls_of_three_kinds_of_stores(
        #[case] text: &str,
        #[case] provider: Provider,
        #[case] shown: &str,
        #[case] prefix: &str,
    ) {
        let url: BucketUrl = text.parse().expect("valid");
        assert_eq!(
            (url.provider(), url.to_string().as_str(), url.prefix().as_ref()),
            (provider, shown, prefix)
        );
    }

    #[rstest]
    #[case("models", BucketUrlError::NotABucket)]
    #[case("", BucketUrlError::NotABucket)]
    #[case("s3://", BucketUrlError::NotABucket)]
    #[case("s3:///site1", BucketUrlError::NotABucket)]
    #[case("file:///var/lib/moodle-mlbackend", BucketUrlError::NotABucket)]
    #[case("memory:///", BucketUrlError::NotABucket)]
    #[case("http://example.org/models", BucketUrlError::NotABucket)]
    #[case("https://example.org/models", BucketUrlError::NotABucket)]
    #[case("https://s3models.s3.eu-west-1.amazonaws.com/site1", BucketUrlError::NotABucket)]
    #[case("https://account.blob.core.windows.net/", BucketUrlError::NotABucket)]
    #[case("s3://key:topsecret@models", BucketUrlError::Secret)]
    #[case("s3://topsecret@models", BucketUrlError::Secret)]
    #[case("az://topsecret@models", BucketUrlError::Secret)]
    #[case("https://topsecret@account.blob.core.windows.net/models", BucketUrlError::Secret)]
    #[case("az://models?sig=topsecret", BucketUrlError::Secret)]
    #[case("az://models#topsecret", BucketUrlError::Secret)]
    #[case("s3://key:topsecret/models", BucketUrlError::NotABucket)]
    #[case("s3://127.0.0.1:9000/models", BucketUrlError::Port)]
    #[case("s3://models/some//prefix", BucketUrlError::Prefix)]
    fn refuses_other_urls_without_showing_them(#[case] text: &str, #[case] expected: BucketUrlError) {
        let error = text.parse::<BucketUrl>().expect_err("invalid");
        let shown = error.to_string();
        assert!(!shown.contains("topsecret") && shown.contains("s3://moodle-models/site1"), "{shown}");
        assert_eq!(error, expected);
    }

    #[test]
    fn a_name_and_the_url_of_the_same_bucket_are_equal() {
        for same in ["models", " models/ ", "s3://models"] {
            assert_eq!(BucketUrl::of_s3(same), "s3a://models/".parse(), "{same}");
        }
        assert_ne!(BucketUrl::of_s3("models"), "s3://models/site1".parse());
        assert_ne!(BucketUrl::of_s3("models"), "gs://models".parse());
    }

    #[test]
    fn a_path_is_no_bucket() {
        for path in ["/var/lib/moodle-mlbackend", "models", "", "/var/a://b"] {
            assert_eq!(BucketUrl::instead_of(FilePath::new(path)), None, "{path}");
        }
        assert!(BucketUrl::instead_of(FilePath::new("gs://models")).is_some_and(|url| url.is_ok()));
        assert!(BucketUrl::instead_of(FilePath::new("http://models")).is_some_and(|url| url.is_err()));
    }
}
