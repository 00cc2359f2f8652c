//! What an answer of the registry means, and the client that asks.
//!
//! Invariants: 404 is "no such thing"; a refusal of the schema never repeats; what may pass is told as such.

use std::error::Error;

use moorline_pipeline::error::{Failure, Next, Problem, Result};
use schema_registry_converter::async_impl::schema_registry::SrSettings;
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;

use super::{Credentials, RegistrySettings};

/// An answer that is not a plain yes, with the registry's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// No such subject, version or schema.
    Absent,
    /// May be another one later: not reached, busy, or an error of its own.
    Passing(String),
    /// Who asks may not.
    Forbidden(String),
    /// The schema or the request is refused.
    Refused(String),
}

impl Answer {
    /// By status first: codes differ between registries (Apicurio gives 0 or 409 where Confluent gives 40901).
    pub(super) fn of(error: &SRCError) -> Self {
        let words = words(error);
        match status(error) {
            Some(404) => Self::Absent,
            Some(401 | 403) => Self::Forbidden(words),
            Some(408 | 425 | 429 | 500..=599) | None => Self::Passing(words),
            Some(_) => Self::Refused(words),
        }
    }
}

/// The registry's own words, else the crate's with their cause.
fn words(error: &SRCError) -> String {
    let told = error.source().and_then(|source| source.downcast_ref::<RawError>());
    match (told, status(error), &error.cause) {
        (Some(told), Some(status), _) => format!("status {status}, code {}: {}", told.error_code, told.message),
        (_, _, Some(cause)) => format!("{}: {cause}", error.error),
        _ => error.error.clone(),
    }
}

/// The crate keeps the status in words only: `... failed with status 409 Conflict`.
fn status(error: &SRCError) -> Option<u16> {
    let (_, rest) = error.error.rsplit_once(" failed with status ")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The registry as it is named to people: without user and password.
pub(super) struct Server {
    name: String,
}

impl Server {
    pub(super) fn of(settings: &RegistrySettings) -> Self {
        let names: Vec<String> = settings.urls.iter().map(|url| without_user(url)).collect();
        Self { name: names.join(", ") }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The client below the crate's calls, with certificates of its own.
    pub(super) fn http(&self, settings: &RegistrySettings) -> Result<reqwest::ClientBuilder> {
        // reqwest is built without a provider of its own and panics if there is none; another part of the process may
        // have installed one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unusable = |error: reqwest::Error| self.unusable(error.to_string());
        let mut client = reqwest::Client::builder().user_agent("moorline");
        for pem in &settings.trusted {
            client = client.tls_certs_merge([reqwest::Certificate::from_pem(pem).map_err(unusable)?]);
        }
        if let Some(pem) = &settings.identity {
            client = client.identity(reqwest::Identity::from_pem(pem).map_err(unusable)?);
        }
        Ok(client)
    }

    pub(super) fn unusable(&self, why: String) -> Failure {
        Failure::halt(Problem::new(
            "MOOR-4002",
            "the registry's client cannot be made",
            &self.name,
            why,
            "correct `schema.registry.url` and `schema.registry.ssl.*`",
        ))
    }

    pub(super) fn client(&self, settings: &RegistrySettings) -> Result<SrSettings> {
        let client = self.http(settings)?;
        let Some((first, others)) = settings.urls.split_first() else {
            return Err(self.unusable("`schema.registry.url` is empty".to_owned()));
        };
        let mut calls = SrSettings::new_builder(first.clone());
        calls.set_timeout(settings.request_timeout);
        for url in others {
            calls.add_url(url.clone());
        }
        match &settings.credentials {
            Credentials::None => {}
            Credentials::Basic { user, password } => {
                calls.set_basic_authorization(user, Some(password));
            }
            Credentials::Bearer(token) => {
                calls.set_token_authorization(token);
            }
        }
        calls.build_with(client).map_err(|error| self.unusable(error.to_string()))
    }

    pub(super) fn failure(&self, what: &str, answer: Answer) -> Failure {
        match answer {
            Answer::Absent => self.unreadable(what, "it is not there"),
            Answer::Passing(words) => Failure::new(
                Next::Retry,
                Problem::new(
                    "MOOR-4001",
                    format!("the registry was not reached for the {what}"),
                    &self.name,
                    words,
                    "nothing, if it comes back: known schemas go on, only new ones wait\n\
                     else check `schema.registry.url`, its base path included",
                ),
            ),
            Answer::Forbidden(words) => Failure::halt(Problem::new(
                "MOOR-4002",
                format!("the registry does not let us ask for the {what}"),
                &self.name,
                words,
                "correct `schema.registry.basic.auth.*` or the token; reading and writing of subjects is needed",
            )),
            Answer::Refused(words) => Failure::halt(Problem::new(
                "MOOR-4003",
                format!("the registry refuses the {what}"),
                &self.name,
                words,
                "keep the old schema and quarantine what does not fit (contract.on.drift=quarantine)\n\
                 or set the subject's compatibility level so that it takes this change\n\
                 or begin a new export in new topics: another name and topic.prefix",
            )),
        }
    }

    pub(super) fn unreadable(&self, what: &str, words: &str) -> Failure {
        self.failure(what, Answer::Passing(words.to_owned()))
    }

    pub(super) fn may_not_register(&self, subject: &str) -> Failure {
        Failure::halt(Problem::new(
            "MOOR-4004",
            format!("the schema of {subject} is not registered"),
            &self.name,
            "auto.register.schemas=false, so the connector does not register it",
            "auto.register.schemas=true, for one start if need be\nor register it yourself: `moorline validate -c FILE -o json` shows the schemas of the contract files",
        ))
    }
}

fn without_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}***{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: &str, retriable: bool) -> SRCError {
        SRCError::new(&format!("HTTP request to schema registry failed with status {status}"), None, retriable)
    }

    #[test]
    fn the_status_decides() {
        assert_eq!(Answer::of(&error("404 Not Found", false)), Answer::Absent);
        assert!(matches!(Answer::of(&error("409 Conflict", false)), Answer::Refused(_)));
        assert!(matches!(Answer::of(&error("422 Unprocessable Entity", false)), Answer::Refused(_)));
        assert!(matches!(Answer::of(&error("401 Unauthorized", false)), Answer::Forbidden(_)));
        for passing in ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable", "504 x"] {
            assert!(matches!(Answer::of(&error(passing, false)), Answer::Passing(_)), "{passing}");
        }
        let transport = SRCError::new("http call to schema registry failed", Some("refused".into()), true);
        assert!(matches!(Answer::of(&transport), Answer::Passing(_)));
    }

    #[test]
    fn users_in_urls_are_not_shown() {
        assert_eq!(without_user("https://me:pw@host/apis"), "https://***@host/apis");
        assert_eq!(without_user("https://host/apis"), "https://host/apis");
    }
}
