//! Where the registry is and how it is asked.
//!
//! Invariant: credentials are never printed.

use std::fmt;
use std::time::Duration;

/// How the registry is told who asks.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    None,
    /// `schema.registry.basic.auth.*`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// `schema.registry.bearer.*`: a fixed token.
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
        })
    }
}

/// Where the registry is and how it is asked.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// `schema.registry.url`: one or more base URLs, path included, tried in order.
    pub urls: Vec<String>,
    /// Who asks.
    pub credentials: Credentials,
    /// Certificates (PEM) that are trusted beside the system's.
    pub trusted: Vec<Vec<u8>>,
    /// Certificate and key (PEM) of this client.
    pub identity: Option<Vec<u8>>,
    /// Limit of one request.
    pub request_timeout: Duration,
    /// How long what may pass is repeated.
    pub retry_timeout: Duration,
    /// `auto.register.schemas`.
    pub auto_register: bool,
}

impl RegistrySettings {
    /// The defaults for a `schema.registry.url`, which may list several with commas.
    pub fn new(urls: &str) -> Self {
        let urls = urls.split(',').map(|url| url.trim().trim_end_matches('/').to_owned());
        Self {
            urls: urls.filter(|url| !url.is_empty()).collect(),
            credentials: Credentials::None,
            trusted: Vec::new(),
            identity: None,
            request_timeout: Duration::from_secs(10),
            retry_timeout: Duration::from_secs(60),
            auto_register: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_base_paths() {
        let settings = RegistrySettings::new("http://a:8081/apis/ccompat/v7/, http://b");
        assert_eq!(settings.urls, ["http://a:8081/apis/ccompat/v7", "http://b"]);
        let basic = Credentials::Basic { user: "u".into(), password: "hunter2".into() };
        assert!(!format!("{basic:?}").contains("hunter2"));
    }
}
