//! What of a value may be shown.
//!
//! Invariants: the value of a key whose name speaks of a secret is never shown, nor is one that came from a placeholder
//! or stands in a key that nobody knows; what is shown is one short line.

/// Parts of names that speak of secrets.
const SECRET_PARTS: [&str; 11] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "user.info",
    "userinfo",
    "jaas",
    "connection.string",
    ".pem",
    "oauthbearer.config",
    "hash.salt",
];

/// Most characters of a value in a message.
const SHOWN_LETTERS: usize = 80;

/// Whether a key's value must not be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| key.contains(part))
}

/// Whether a secret stands in a value itself: of an address, whether it holds a password.
pub(crate) fn is_literal_secret(key: &str, value: &str) -> bool {
    if value.is_empty() || value.contains("${") {
        return false;
    }
    let address = key.ends_with("connection.string") || key.ends_with("registry.url");
    let user = value.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    if address { user.is_some_and(|user| user.contains(':')) } else { is_secret(key) }
}

/// A text from the file on one short line.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_LETTERS).collect();
    if text.chars().nth(SHOWN_LETTERS).is_some() {
        out.push('…');
    }
    out
}

/// A connection string without user, password, and the options that can hold a secret.
pub(crate) fn without_credentials(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return String::new() };
    // A password may hold an unescaped `@`, `/` or `?`: whatever stands before the last `@` may be part of it.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
    let Some((hosts, options)) = rest.split_once('?') else { return format!("{scheme}://{rest}") };
    let harmless = |option: &&str| {
        let name = option.split('=').next().unwrap_or_default().to_ascii_lowercase();
        !name.contains("password") && name != "authmechanismproperties" && name != "proxyusername"
    };
    let options: Vec<&str> = options.split('&').filter(harmless).collect();
    format!("{scheme}://{hosts}?{}", options.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_text_is_told_from_a_placeholder() {
        let literal = |key, value| is_literal_secret(key, value);
        assert!(literal("mongodb.password", "hunter2") && literal("kafka.sasl.password", "x"));
        assert!(literal("mongodb.connection.string", "mongodb://u:p@h/?replicaSet=rs0"));
        assert!(
            !literal("mongodb.connection.string", "mongodb://u@h/")
                && !literal("mongodb.connection.string", "mongodb://h")
        );
        assert!(
            !literal("mongodb.password", "${env:PW}")
                && !literal("mongodb.user", "u")
                && !literal("mongodb.password", "")
        );
        assert!(literal("schema.registry.url", "https://u:p@h") && !literal("schema.registry.url", "https://h:8081"));
    }

    #[test]
    fn names_that_speak_of_secrets() {
        for key in ["kafka.sasl.password", "schema.registry.basic.auth.user.info", "mongodb.connection.string"] {
            assert!(is_secret(key), "{key}");
        }
        assert!(!is_secret("anchor.interval.ms"));
    }

    #[test]
    fn connection_strings_lose_what_is_secret() {
        assert_eq!(
            without_credentials("mongodb://u:p@w?x@h:1,i:2/db?replicaSet=r&tlsCertificateKeyFilePassword=s"),
            "mongodb://h:1,i:2/db?replicaSet=r"
        );
        assert_eq!(without_credentials("mongodb+srv://h"), "mongodb+srv://h");
        assert_eq!(without_credentials("hunter2"), "");
    }

    #[test]
    fn one_short_line() {
        assert_eq!(shown("a\nb"), "a b");
        assert_eq!(shown(&"x".repeat(200)).chars().count(), SHOWN_LETTERS + 1);
    }
}
