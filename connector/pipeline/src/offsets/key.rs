//! Keys of the offsets topic: `["<connector>",{"server_id":"<prefix>","scope":"<all or hash>"}]`, compact, in this order.
//!
//! Invariants: a key is compared byte by byte, so its form never changes; it names what is captured, never a task
//! number, so that lanes can be cut anew.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::jcs;
use crate::model::Namespace;

/// What one position is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All that the connector captures: there is one lane.
    All,
    /// A lane's patterns: hex SHA-256 of their JSON array (RFC 8785), sorted.
    Patterns(String),
}

#[derive(Serialize)]
struct Partition<'a> {
    server_id: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
}

impl Scope {
    /// The scope of a lane with these patterns, in whatever order.
    pub fn of_patterns(patterns: &[String]) -> Self {
        let mut sorted = patterns.to_vec();
        sorted.sort();
        let text = jcs::canonical(&serde_json::Value::from(sorted));
        Self::Patterns(hex::encode(Sha256::digest(text.as_bytes())))
    }
    /// `all`, or the hash.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "all",
            Self::Patterns(hash) => hash,
        }
    }
    /// Key of the position.
    pub fn position_key(&self, connector: &str, prefix: &str) -> Vec<u8> {
        self.key(connector, prefix, None, None)
    }
    /// Key of the owner record.
    pub fn owner_key(&self, connector: &str, prefix: &str) -> Vec<u8> {
        self.key(connector, prefix, None, Some("lane"))
    }
    /// Key of a collection's progress.
    pub fn progress_key(&self, connector: &str, prefix: &str, namespace: &Namespace) -> Vec<u8> {
        self.key(connector, prefix, Some(namespace.as_str()), None)
    }
    /// Whether a key is of this scope of this connector.
    pub fn owns(&self, connector: &str, prefix: &str, key: &[u8]) -> bool {
        let own = self.position_key(connector, prefix);
        // The position's key up to its closing `}]` is the head of the other two.
        key == own || self.owner_key(connector, prefix) == key || self.namespace_of(connector, prefix, key).is_some()
    }
    /// The collection whose progress a key names.
    pub fn namespace_of(&self, connector: &str, prefix: &str, key: &[u8]) -> Option<Namespace> {
        let own = self.position_key(connector, prefix);
        let rest = key.strip_prefix(&own[..own.len() - 2])?.strip_prefix(br#","progress":"#)?;
        let name: String = serde_json::from_slice(rest.strip_suffix(b"}]")?).ok()?;
        Namespace::parse(&name)
    }

    fn key(&self, connector: &str, prefix: &str, progress: Option<&str>, owner: Option<&str>) -> Vec<u8> {
        let partition = Partition { server_id: prefix, scope: self.as_str(), progress, owner };
        serde_json::to_vec(&(connector, partition)).expect("text only")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_form() {
        let text = |key: Vec<u8>| String::from_utf8(key).unwrap();
        let ns = Namespace::new("shop", "orders.\"x\"");
        let scope = Scope::All;
        assert_eq!(text(scope.position_key("c", "p")), r#"["c",{"server_id":"p","scope":"all"}]"#);
        assert_eq!(text(scope.owner_key("c", "p")), r#"["c",{"server_id":"p","scope":"all","owner":"lane"}]"#);
        let progress = scope.progress_key("c", "p", &ns);
        assert_eq!(text(progress.clone()), r#"["c",{"server_id":"p","scope":"all","progress":"shop.orders.\"x\""}]"#);
        assert_eq!(scope.namespace_of("c", "p", &progress), Some(ns));
    }

    #[test]
    fn a_scope_owns_its_own_keys_only() {
        let one = Scope::of_patterns(&["s.a".into(), "s.b".into()]);
        assert_eq!(one, Scope::of_patterns(&["s.b".into(), "s.a".into()]));
        assert_eq!(one.as_str().len(), 64);
        let ns = Namespace::new("s", "a");
        for key in [one.position_key("c", "p"), one.owner_key("c", "p"), one.progress_key("c", "p", &ns)] {
            assert!(one.owns("c", "p", &key));
            assert!(!Scope::All.owns("c", "p", &key));
            assert!(!one.owns("c2", "p", &key) && !one.owns("c", "p2", &key));
        }
    }
}
