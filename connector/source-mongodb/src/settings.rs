//! What a connection is made of, and the one way in which a connection string may be shown.
//!
//! Invariant: the password leaves [`Settings`] for the driver only; [`redacted`] gives what people see.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How to reach the source and how long to wait for it. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `mongodb://` or `mongodb+srv://`. `socketTimeoutMS` in it is dropped, since the driver refuses it.
    pub uri: SecretString,
    /// The user, over the one in the string.
    pub user: Option<String>,
    /// The password, over the one in the string.
    pub password: Option<SecretString>,
    /// The database that knows the user; the driver's default is the string's, else `admin`.
    pub auth_source: Option<String>,
    /// The mechanism by its MongoDB name, for example `SCRAM-SHA-256`; negotiated where there is none.
    pub auth_mechanism: Option<String>,
    /// TLS, over what the string says.
    pub tls: Option<Tls>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for a server that can answer.
    pub server_selection_timeout: Duration,
    /// How often servers are asked how they are.
    pub heartbeat: Duration,
    /// How long a command may take, where a call has no limit of its own.
    pub command_timeout: Duration,
    /// Bytes of replies that a change stream may read ahead. One larger reply still passes, alone.
    pub read_ahead_bytes: usize,
    /// Least time between two questions for changes, while there are few of them.
    pub poll_interval: Duration,
    /// The name that stands in the server's log.
    pub app_name: String,
}

/// TLS with files in PEM form.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates to trust; the system's where there is none.
    pub ca_file: Option<PathBuf>,
    /// Own certificate and key.
    pub certificate_key_file: Option<PathBuf>,
    /// Trust whatever the server shows. For tests.
    pub allow_invalid_certificates: bool,
}

impl Settings {
    /// Of a connection string, everything else as documented in the configuration.
    pub fn new(uri: SecretString) -> Self {
        Self {
            uri,
            user: None,
            password: None,
            auth_source: None,
            auth_mechanism: None,
            tls: None,
            connect_timeout: Duration::from_secs(10),
            server_selection_timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
            read_ahead_bytes: 64 << 20,
            poll_interval: Duration::from_millis(10),
            app_name: "moorline".to_owned(),
        }
    }
}

/// The connection string with `***` for the password, and without the options that can hold a secret.
pub fn redacted(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return "mongodb://***".to_owned();
    };
    // A password may hold an unescaped `@` or `/`, so the host begins after the last `@` before the options.
    let (body, options) = rest.split_once('?').map_or((rest, None), |(body, options)| (body, Some(options)));
    let shown = match body.rsplit_once('@') {
        None => body.to_owned(),
        Some((user, hosts)) => {
            let user = user.split_once(':').map_or_else(|| user.to_owned(), |(name, _)| format!("{name}:***"));
            format!("{user}@{hosts}")
        }
    };
    // An `@` among the options means that the password held a `?`: then nothing after the scheme is safe to show.
    match options {
        Some(options) if options.contains('@') => format!("{scheme}://***"),
        Some(options) => {
            let options: Vec<&str> = options.split('&').filter(|o| !may_hold_secret(o)).collect();
            let mark = if options.is_empty() { "" } else { "?" };
            format!("{scheme}://{shown}{mark}{}", options.join("&"))
        }
        None => format!("{scheme}://{shown}"),
    }
}

/// The string without `socketTimeoutMS`, and whether it had one.
pub(crate) fn without_socket_timeout(uri: &str) -> (String, bool) {
    let Some((body, options)) = uri.split_once('?') else {
        return (uri.to_owned(), false);
    };
    let is_it = |option: &&str| option.to_ascii_lowercase().starts_with("sockettimeoutms=");
    let kept: Vec<&str> = options.split('&').filter(|o| !is_it(o)).collect();
    let had = kept.len() < options.split('&').count();
    let mark = if kept.is_empty() { "" } else { "?" };
    (format!("{body}{mark}{}", kept.join("&")), had)
}

fn may_hold_secret(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option).to_ascii_lowercase();
    name.contains("password") || name == "authmechanismproperties"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let shown = |uri| redacted(uri);
        assert_eq!(shown("mongodb://u:pw@a:1,b:2/?replicaSet=rs0"), "mongodb://u:***@a:1,b:2/?replicaSet=rs0");
        assert_eq!(shown("mongodb+srv://u:p@w/x@host/db"), "mongodb+srv://u:***@host/db");
        assert_eq!(shown("mongodb://u:p?w@host/db?tls=true"), "mongodb://***");
        assert_eq!(
            shown("mongodb://a/?tlsCertificateKeyFilePassword=x&authMechanismProperties=AWS_SESSION_TOKEN:t"),
            "mongodb://a/"
        );
        assert_eq!(shown("secret"), "mongodb://***");
    }

    #[test]
    fn socket_timeout_is_dropped() {
        let drop = |uri| without_socket_timeout(uri);
        assert_eq!(drop("mongodb://a/?socketTimeoutMS=5"), ("mongodb://a/".to_owned(), true));
        assert_eq!(drop("mongodb://a/?w=1&sockettimeoutms=5&x=2"), ("mongodb://a/?w=1&x=2".to_owned(), true));
        assert_eq!(drop("mongodb://a/?w=1"), ("mongodb://a/?w=1".to_owned(), false));
    }
}
