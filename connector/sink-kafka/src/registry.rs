//! The schema registry over Confluent's REST interface, as Confluent, Apicurio, Karapace and Redpanda serve it.
//!
//! Invariants: a schema is looked up by content before it is registered, so that a registry that may only be read is
//! enough for known ones; the status decides first, the code second; what may pass is repeated until a time limit;
//! schemas are compared parsed, since a registry may write them anew; nothing printed holds a credential.

mod answer;
mod compare;
mod examine;
mod settings;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::sink::{Registered, Registry};
use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_all_versions, perform_sr_call};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::SrCall;
use serde_json::json;

use answer::{Answer, Server};
pub use compare::same_schema;
pub use examine::{RegistryExaminer, RegistryFacts, SubjectFacts};
pub use settings::{Credentials, RegistrySettings};

/// Entries of the cache; a run knows a few schemas per collection, so more means that something is wrong.
const CACHE: usize = 10_000;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Cache {
    ids: HashMap<(String, String), u32>,
    texts: HashMap<u32, String>,
}

/// A client of the registry.
pub struct SchemaRegistry {
    calls: SrSettings,
    server: Server,
    retry_timeout: Duration,
    auto_register: bool,
    cache: Mutex<Cache>,
}

impl SchemaRegistry {
    /// A client; connects when it is first asked.
    pub fn new(settings: &RegistrySettings) -> Result<Self> {
        let server = Server::of(settings);
        let calls = server.client(settings)?;
        let (retry_timeout, auto_register) = (settings.retry_timeout, settings.auto_register);
        Ok(Self { calls, server, retry_timeout, auto_register, cache: Mutex::default() })
    }

    fn cached<T>(&self, look: impl FnOnce(&mut Cache) -> T) -> T {
        look(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The id of a schema under a subject, by content; `None` if it is not registered there.
    pub async fn lookup(&self, subject: &str, schema: &str) -> Result<Option<u32>> {
        let key = (subject.to_owned(), schema.to_owned());
        if let Some(id) = self.cached(|cache| cache.ids.get(&key).copied()) {
            return Ok(Some(id));
        }
        let (path, body) = (percent_encoded(subject), body(schema));
        let what = format!("schema of {subject}");
        let call = || perform_sr_call(&self.calls, SrCall::PostForVersion(&path, &body));
        let found = self.ask(&what, call).await?.and_then(|found| found.id);
        if let Some(id) = found {
            self.remember(key, id);
        }
        Ok(found)
    }

    /// Registers a schema that [`SchemaRegistry::lookup`] does not find.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32> {
        if let Some(id) = self.lookup(subject, schema).await? {
            return Ok(id);
        }
        // A registry may look up by its own text of the schema, in which case ours is not found though it is there.
        if let Some(latest) = self.latest(subject).await?
            && same_schema(&latest.schema, schema)
        {
            self.remember((subject.to_owned(), schema.to_owned()), latest.id);
            return Ok(latest.id);
        }
        if !self.auto_register {
            return Err(self.server.may_not_register(subject));
        }
        let (path, body) = (percent_encoded(subject), body(schema));
        let what = format!("next schema of {subject}");
        let made = self.ask(&what, || perform_sr_call(&self.calls, SrCall::PostNew(&path, &body))).await?;
        let Some(id) = made.and_then(|made| made.id) else {
            return Err(self.server.unreadable(&what, "an answer without id"));
        };
        tracing::info!(subject, id, "schema registered");
        self.remember((subject.to_owned(), schema.to_owned()), id);
        Ok(id)
    }

    /// The newest version of a subject.
    pub async fn latest(&self, subject: &str) -> Result<Option<Registered>> {
        let path = percent_encoded(subject);
        let what = format!("newest version of {subject}");
        let found = self.ask(&what, || perform_sr_call(&self.calls, SrCall::GetLatest(&path))).await?;
        let Some(found) = found else { return Ok(None) };
        match (found.id, found.version, found.schema) {
            (Some(id), Some(version), Some(schema)) => Ok(Some(Registered { id, version, schema })),
            _ => Err(self.server.unreadable(&what, "an answer without id, version or schema")),
        }
    }

    /// The versions of a subject, ascending; empty if there is none.
    pub async fn versions(&self, subject: &str) -> Result<Vec<u32>> {
        let path = percent_encoded(subject);
        let what = format!("versions of {subject}");
        let found = self.ask(&what, || get_all_versions(&self.calls, path.clone())).await?;
        Ok(found.unwrap_or_default())
    }

    /// The text of a version of a subject; `None` if there is no such version.
    pub async fn version(&self, subject: &str, version: u32) -> Result<Option<String>> {
        let path = percent_encoded(subject);
        let what = format!("version {version} of {subject}");
        let call = || perform_sr_call(&self.calls, SrCall::GetBySubjectAndVersion(&path, version));
        Ok(self.ask(&what, call).await?.and_then(|found| found.schema))
    }

    /// The text of a schema; `None` if the registry does not know the id.
    pub async fn by_id(&self, id: u32) -> Result<Option<String>> {
        if let Some(text) = self.cached(|cache| cache.texts.get(&id).cloned()) {
            return Ok(Some(text));
        }
        let what = format!("schema {id}");
        let found = self.ask(&what, || perform_sr_call(&self.calls, SrCall::GetById(id))).await?;
        let text = found.and_then(|found| found.schema);
        if let Some(text) = &text {
            self.cached(|cache| {
                if cache.texts.len() >= CACHE {
                    cache.texts.clear();
                }
                cache.texts.insert(id, text.clone())
            });
        }
        Ok(text)
    }

    fn remember(&self, key: (String, String), id: u32) {
        self.cached(|cache| {
            if cache.ids.len() >= CACHE {
                cache.ids.clear();
            }
            cache.ids.insert(key, id)
        });
    }

    /// Asks until there is an answer that counts, or the limit has passed; `None` for "there is no such thing".
    async fn ask<T, F>(&self, what: &str, call: impl Fn() -> F) -> Result<Option<T>>
    where
        F: Future<Output = Result<T, SRCError>>,
    {
        let until = Instant::now() + self.retry_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match call().await {
                Ok(found) => return Ok(Some(found)),
                Err(error) => error,
            };
            match Answer::of(&error) {
                Answer::Absent => return Ok(None),
                Answer::Passing(words) if Instant::now() + pause < until => {
                    tracing::debug!(what, words, "the registry is asked again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                definite => return Err(self.server.failure(what, definite)),
            }
        }
    }
}

impl Registry for SchemaRegistry {
    fn latest(&self, subject: &str) -> impl Future<Output = Result<Option<Registered>, Failure>> + Send {
        Self::latest(self, subject)
    }
    fn register(&self, subject: &str, schema: &str) -> impl Future<Output = Result<u32, Failure>> + Send {
        Self::register(self, subject, schema)
    }
}

fn body(schema: &str) -> String {
    json!({ "schema": schema, "schemaType": "AVRO" }).to_string()
}

/// A subject as one segment of a path: the crate's calls escape the slash at most.
fn percent_encoded(subject: &str) -> String {
    let mut encoded = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_one_segment() {
        assert_eq!(percent_encoded("shop.orders-value"), "shop.orders-value");
        assert_eq!(percent_encoded("a/b c%ü?#"), "a%2Fb%20c%25%C3%BC%3F%23");
    }
}
