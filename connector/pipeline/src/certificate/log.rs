//! The certificates of one connector as read from their topic, and what they say of a collection at a cut.
//!
//! Invariants: a REJECT of any range stands whatever was found later; only agreement over the whole collection is
//! ACCEPT; a verdict that this version does not know proves nothing, nor does any verdict of a replay.

use std::collections::BTreeMap;

use super::record::{ACCEPT, Certificate, CertificateKey, REJECT, REPLAY};

/// The newest certificate of each key.
#[derive(Debug, Default)]
pub struct Certificates {
    held: BTreeMap<CertificateKey, Certificate>,
}

/// What the certificates of a collection at a cut come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The certificate on which the verdict rests; none where there is no certificate.
    pub verdict: Option<&'a Certificate>,
    /// Documents of the whole collection, by the newest certificate that counted them.
    pub documents: Option<i64>,
}

impl Certificates {
    /// Of the records of a connector in the topic's order; a value of `None` is a tombstone.
    pub fn read(connector: &str, records: impl IntoIterator<Item = (CertificateKey, Option<Certificate>)>) -> Self {
        let mut held = BTreeMap::new();
        for (key, value) in records.into_iter().filter(|(key, _)| key.connector == connector) {
            match value {
                Some(certificate) => drop(held.insert(key, certificate)),
                None => drop(held.remove(&key)),
            }
        }
        Self { held }
    }

    /// Those of a collection at any of these anchors, which are the lanes' of one cut.
    pub fn of<'a>(&'a self, anchors: &'a [&str], collection: &'a str) -> impl Iterator<Item = &'a Certificate> {
        self.held.values().filter(move |c| c.collection == collection && anchors.contains(&c.anchor.as_str()))
    }

    /// What they come to: a REJECT first, then agreement over the whole collection, then whatever is newest.
    pub fn standing<'a>(&'a self, anchors: &[&str], collection: &str) -> Standing<'a> {
        let of = || {
            let mine = |c: &&Certificate| c.collection == collection && anchors.contains(&c.anchor.as_str());
            self.held.values().filter(mine)
        };
        let weight = |c: &&Certificate| match c.verdict.as_str() {
            REJECT => 2,
            ACCEPT if c.is_whole() => 1,
            _ => 0,
        };
        let counted = of().filter(|c| c.is_whole() && c.documents.is_some()).max_by_key(|c| c.read_ms);
        // A replay counts documents; it holds nothing against the source, whatever its certificate says.
        let held = of().filter(|c| c.method != REPLAY);
        Standing { verdict: held.max_by_key(|c| (weight(c), c.read_ms)), documents: counted.and_then(|c| c.documents) }
    }
}

impl Standing<'_> {
    /// The verdict for the whole collection: agreement over a range alone is not yet one.
    pub fn word(&self) -> Option<&str> {
        let certificate = self.verdict?;
        match certificate.verdict.as_str() {
            REJECT => Some(REJECT),
            ACCEPT if certificate.is_whole() => Some(ACCEPT),
            ACCEPT => None,
            _ => Some(super::UNSUPPORTED),
        }
    }
}
