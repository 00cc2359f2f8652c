//! The URL of a place in an object store, and the client that speaks to it.
//!
//! What a store needs besides stands in the environment, under the names that its own tools use: `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, …, `GOOGLE_…`, `AZURE_…`. Invariants: a URL
//! never carries a secret, and one that does is refused without being shown; every request ends within a limit.

use std::sync::Arc;
use std::time::Duration;

use moorline_pipeline::error::Problem;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

/// What a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// What one request may take, a part of a file included.
const REQUEST: Duration = Duration::from_secs(120);

/// How long a store that does not answer is tried again.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    /// Before anything was done: whoever has mistyped an address waits for the answer.
    Little,
    /// In the middle: hours of work are behind.
    Much,
}

/// A store's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    S3,
    Google,
    Azure,
}

/// Where an export goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    kind: Kind,
    pub(super) bucket: String,
    pub(super) prefix: Path,
    /// The URL, without what could be a secret.
    pub(super) shown: String,
}

impl Address {
    /// Of a URL; `None` where the text is none, but a folder's name.
    pub(super) fn parse(text: &str) -> Option<Result<Self, Problem>> {
        let (scheme, rest) = text.split_once("://")?;
        Some(Self::of(scheme, rest))
    }

    fn of(scheme: &str, rest: &str) -> Result<Self, Problem> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.contains(['@', '?', '#']) {
            return Err(unusable(scheme, "it carries more than a bucket and a prefix; keys stand in the environment"));
        }
        let kind = match scheme {
            "s3" => Kind::S3,
            "gs" => Kind::Google,
            "az" => Kind::Azure,
            _ => return Err(unusable(scheme, "there is no store under this scheme")),
        };
        if bucket.is_empty() {
            return Err(unusable(scheme, "it names no bucket"));
        }
        if prefix.starts_with('/') {
            // It would be taken for the same without it, and in a store that is another place.
            return Err(unusable(scheme, "a prefix does not begin with a slash"));
        }
        let prefix = Path::parse(prefix).map_err(|error| unusable(scheme, &error.to_string()))?;
        let shown = format!("{scheme}://{bucket}/{prefix}").trim_end_matches('/').to_owned();
        Ok(Self { kind, bucket: bucket.to_owned(), prefix, shown })
    }

    /// A client. Nothing is sent yet.
    pub(super) fn client(&self, patience: Patience) -> Result<Arc<dyn ObjectStore>, Problem> {
        let mut retry = RetryConfig::default();
        (retry.max_retries, retry.retry_timeout) = match patience {
            Patience::Little => (4, Duration::from_secs(20)),
            Patience::Much => (12, Duration::from_secs(240)),
        };
        let bucket = self.bucket.as_str();
        let limits = [(ClientConfigKey::ConnectTimeout, CONNECT), (ClientConfigKey::Timeout, REQUEST)];
        let store: object_store::Result<Arc<dyn ObjectStore>> = match self.kind {
            Kind::S3 => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
                let builder = limits.iter().fold(builder, |builder, (key, limit)| {
                    builder.with_config(AmazonS3ConfigKey::Client(*key), format!("{} seconds", limit.as_secs()))
                });
                builder.build().map(|store| Arc::new(store) as _)
            }
            Kind::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry);
                let builder = limits.iter().fold(builder, |builder, (key, limit)| {
                    builder.with_config(GoogleConfigKey::Client(*key), format!("{} seconds", limit.as_secs()))
                });
                builder.build().map(|store| Arc::new(store) as _)
            }
            Kind::Azure => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket).with_retry(retry);
                let builder = limits.iter().fold(builder, |builder, (key, limit)| {
                    builder.with_config(AzureConfigKey::Client(*key), format!("{} seconds", limit.as_secs()))
                });
                builder.build().map(|store| Arc::new(store) as _)
            }
        };
        store.map_err(|error| super::refusal::of(&error, &self.shown))
    }
}

fn unusable(scheme: &str, why: &str) -> Problem {
    Problem::new(
        "MOOR-6135",
        "the place of the export is no URL that can be used",
        format!("--out {scheme}://…"),
        why,
        "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX, or a folder\n\
         keys, region and endpoint stand in the environment: AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL, …",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_a_prefix_and_nothing_else() {
        let parsed = Address::parse("s3://b/exports/2026%3A1/").unwrap().unwrap();
        assert_eq!((parsed.bucket.as_str(), parsed.prefix.as_ref()), ("b", "exports/2026%3A1"));
        assert_eq!(parsed.shown, "s3://b/exports/2026%3A1");
        assert_eq!(Address::parse("gs://b").unwrap().unwrap().shown, "gs://b");
        assert!(Address::parse("./export").is_none());
        for text in ["s3://key:secret@b/x", "s3:///x", "http://b/x", "az://b/x?sig=secret", "s3://b/../x", "s3://b//x"]
        {
            let problem = Address::parse(text).unwrap().unwrap_err();
            assert_eq!(problem.code, "MOOR-6135", "{text}");
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
    }
}
