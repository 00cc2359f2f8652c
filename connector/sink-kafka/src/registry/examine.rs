//! Facts about a registry that a check-up judges: modes, levels, what stands under a subject, what it would say of a schema.
//!
//! Invariants: nothing is registered or changed; what a registry does not know (not all have modes) is absent; nothing
//! printed holds a credential.

use std::time::Duration;

use moorline_pipeline::error::Result;
use moorline_pipeline::sink::Registered;
use serde_json::{Value, json};

use super::answer::{Answer, Server};
use super::{Credentials, RegistrySettings, percent_encoded};

/// Compatible with no record.
const NOTHING_LIKE_OURS: &str = "\"string\"";

/// The registry.
#[derive(Clone, Debug, Default)]
pub struct RegistryFacts {
    /// Its mode: `READWRITE`, `READONLY`, `IMPORT`.
    pub mode: Option<String>,
    /// Its compatibility level.
    pub level: Option<String>,
}

/// A subject.
#[derive(Clone, Debug, Default)]
pub struct SubjectFacts {
    /// Its newest version; `None` where there is none.
    pub latest: Option<Registered>,
    /// Its own mode.
    pub mode: Option<String>,
    /// Its own compatibility level.
    pub level: Option<String>,
}

/// Asks a registry for facts.
pub struct RegistryExaminer {
    client: reqwest::Client,
    settings: RegistrySettings,
    server: Server,
}

impl RegistryExaminer {
    /// With the limit of each request.
    pub fn new(settings: RegistrySettings, limit: Duration) -> Result<Self> {
        let server = Server::of(&settings);
        let client = server.http(&settings)?.timeout(limit).build();
        let client = client.map_err(|error| server.unusable(error.to_string()))?;
        Ok(Self { client, settings, server })
    }

    /// The registry as people may see it.
    pub fn place(&self) -> &str {
        self.server.name()
    }

    /// The registry: `MOOR-4001` where it does not answer, `MOOR-4002` where it does not take the user.
    pub async fn registry(&self) -> Result<RegistryFacts> {
        let level = self.get("compatibility level", "config").await?;
        let mode = self.optional("mode", "mode").await?;
        Ok(RegistryFacts { mode: word(mode, "mode"), level: word(level, "compatibilityLevel") })
    }

    /// A subject.
    pub async fn subject(&self, subject: &str) -> Result<SubjectFacts> {
        let path = percent_encoded(subject);
        let what = format!("newest version of {subject}");
        let latest = self.get(&what, &format!("subjects/{path}/versions/latest")).await?;
        let number = |found: &Value, key: &str| found[key].as_u64().and_then(|number| u32::try_from(number).ok());
        let latest = latest.and_then(|found| {
            let schema = found["schema"].as_str()?.to_owned();
            Some(Registered { id: number(&found, "id")?, version: number(&found, "version")?, schema })
        });
        let mode = self.optional(&what, &format!("mode/{path}")).await?;
        let level = self.optional(&what, &format!("config/{path}")).await?;
        let mut level = word(level, "compatibilityLevel");
        // Some registries say NONE of a subject that has no level of its own, and go by their own level: what they make
        // of a schema that no level takes tells.
        if level.as_deref() == Some("NONE")
            && latest.is_some()
            && self.judge(subject, NOTHING_LIKE_OURS).await?.is_some()
        {
            level = None;
        }
        Ok(SubjectFacts { latest, mode: word(mode, "mode"), level })
    }

    /// Whether the registry would take a schema as the next version of a subject that has one; its words where not.
    pub async fn judge(&self, subject: &str, schema: &str) -> Result<Option<String>> {
        let what = format!("judgement of a schema of {subject}");
        let path = format!("compatibility/subjects/{}/versions/latest?verbose=true", percent_encoded(subject));
        let body = json!({ "schema": schema, "schemaType": "AVRO" });
        let answer = self.ask(&what, &path, Some(&body)).await?;
        let Some(answer) = answer else { return Ok(None) };
        if answer["is_compatible"].as_bool().unwrap_or(true) {
            return Ok(None);
        }
        let list = answer["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        Ok(Some(if words.is_empty() { "it does not say why".to_owned() } else { words.join("; ") }))
    }

    async fn get(&self, what: &str, path: &str) -> Result<Option<Value>> {
        self.ask(what, path, None).await
    }

    /// The same, where a registry that does not know the question is none that fails.
    async fn optional(&self, what: &str, path: &str) -> Result<Option<Value>> {
        match self.ask(what, path, None).await {
            Err(failure) if failure.problem.code == "MOOR-4003" || failure.problem.why.contains("status 50") => {
                Ok(None)
            }
            answered => answered,
        }
    }

    /// One request, to the first registry that answers; `None` for 404.
    async fn ask(&self, what: &str, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let mut last = "`schema.registry.url` is empty".to_owned();
        for url in &self.settings.urls {
            let url = format!("{url}/{path}");
            let request = match body {
                Some(body) => self.client.post(url).json(body),
                None => self.client.get(url),
            };
            let request = match &self.settings.credentials {
                Credentials::None => request,
                Credentials::Basic { user, password } => request.basic_auth(user, Some(password)),
                Credentials::Bearer(token) => request.bearer_auth(token),
            };
            let response =
                match request.header("Accept", "application/vnd.schemaregistry.v1+json, application/json").send().await
                {
                    Ok(response) => response,
                    Err(error) => {
                        last = words(&error);
                        continue;
                    }
                };
            let status = response.status().as_u16();
            let text = response.text().await.unwrap_or_default();
            let told = || {
                let message =
                    serde_json::from_str::<Value>(&text).ok().and_then(|v| v["message"].as_str().map(str::to_owned));
                format!("status {status}: {}", message.unwrap_or_default())
            };
            return match status {
                200..=299 => match serde_json::from_str(&text) {
                    Ok(found) => Ok(Some(found)),
                    Err(_) => Err(self.server.unreadable(what, "an answer that is no JSON: is the base path right?")),
                },
                404 => Ok(None),
                401 | 403 => Err(self.server.failure(what, Answer::Forbidden(told()))),
                408 | 425 | 429 | 500.. => Err(self.server.failure(what, Answer::Passing(told()))),
                _ => Err(self.server.failure(what, Answer::Refused(told()))),
            };
        }
        Err(self.server.failure(what, Answer::Passing(last)))
    }
}

/// The error with what caused it, and without the URL, which may hold a password.
fn words(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { "no connection".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

fn word(answer: Option<Value>, key: &str) -> Option<String> {
    let answer = answer?;
    // Confluent's answer to a question has another name than the setting.
    let found = answer[key].as_str().or_else(|| answer["compatibility"].as_str());
    found.map(str::to_owned)
}
