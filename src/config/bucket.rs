//! Settings about the bucket: its URL, or the name of one of S3.
//!
//! Owns that both name the same one. Must not know how a bucket is used.

use clap::Args;

use super::error::ConfigError;
use super::variables::{BUCKET_URL, S3_BUCKET};
use crate::store::{BucketUrl, BucketUrlError};

/// Settings about the bucket.
#[derive(Debug, Clone, Args)]
pub(super) struct BucketArgs {
    /// Bucket of S3 for the models in place of a directory, so that several servers share them; the usual variables AWS_*
    /// say where it is and who may use it
    #[arg(long, env = S3_BUCKET, value_name = "BUCKET", default_value = "", hide_default_value = true, value_parser = of_s3)]
    s3_bucket: Bucket,
    /// The same by a URL, which may have a prefix for the models: `s3://BUCKET/PREFIX` with the variables AWS_*,
    /// `gs://BUCKET/PREFIX` with GOOGLE_*, or `az://CONTAINER/PREFIX` with AZURE_*
    #[arg(long, env = BUCKET_URL, value_name = "URL", default_value = "", hide_default_value = true, value_parser = of_url)]
    bucket_url: Bucket,
}

/// A bucket; an empty text is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket(Option<BucketUrl>);

impl BucketArgs {
    /// The bucket, and the variable that names it.
    pub(super) fn named(&self) -> Option<(&BucketUrl, &'static str)> {
        let by_name = self.s3_bucket.0.as_ref().map(|url| (url, S3_BUCKET));
        by_name.or_else(|| Some((self.bucket_url.0.as_ref()?, BUCKET_URL)))
    }

    /// Refuses two buckets.
    pub(super) fn refuse_two(&self) -> Result<(), ConfigError> {
        match (&self.s3_bucket.0, &self.bucket_url.0) {
            (Some(name), Some(url)) if name != url => {
                Err(ConfigError::TwoBuckets { name: name.to_string(), url: url.to_string() })
            }
            _ => Ok(()),
        }
    }
}

fn of_s3(text: &str) -> Result<Bucket, BucketUrlError> {
    parsed(text, BucketUrl::of_s3)
}

fn of_url(text: &str) -> Result<Bucket, BucketUrlError> {
    parsed(text, str::parse)
}

fn parsed(
    text: &str,
    parse: fn(&str) -> Result<BucketUrl, BucketUrlError>,
) -> Result<Bucket, BucketUrlError> {
    if text.trim().is_empty() { Ok(Bucket(None)) } else { parse(text).map(|url| Bucket(Some(url))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches as _};
    use rstest::rstest;

    #[rstest]
    #[case(&[], None)]
    #[case(&["--s3-bucket=", "--bucket-url= "], None)]
    #[case(&["--s3-bucket=models"], Some(("s3://models", S3_BUCKET)))]
    #[case(&["--bucket-url=gs://models/site1"], Some(("gs://models/site1", BUCKET_URL)))]
    #[case(&["--s3-bucket=models", "--bucket-url=s3://models/"], Some(("s3://models", S3_BUCKET)))]
    fn either_setting_names_the_bucket(#[case] flags: &[&str], #[case] expected: Option<(&str, &str)>) {
        let args = args(flags);
        let named = args.named().map(|(url, variable)| (url.to_string(), variable));
        assert_eq!(named, expected.map(|(url, variable)| (url.to_owned(), variable)));
        assert!(args.refuse_two().is_ok());
    }

    #[test]
    fn two_buckets_are_refused() {
        let error = args(&["--s3-bucket=models", "--bucket-url=s3://models/site1"]).refuse_two();
        let text = error.expect_err("two").to_string();
        assert!(text.contains(S3_BUCKET) && text.contains(BUCKET_URL), "{text}");
    }

    fn args(flags: &[&str]) -> BucketArgs {
        // A variable of this machine must not count.
        let command = BucketArgs::augment_args(Command::new("serve").no_binary_name(true));
        let command = command.mut_args(|arg| arg.env(None::<&'static str>));
        let matches = command.try_get_matches_from(flags).expect("valid");
        BucketArgs::from_arg_matches(&matches).expect("valid")
    }
}
