//! What names an effective configuration: SHA-256 over its keys and values, defaults included.
//!
//! Invariants: no secret goes in, since a digest of a short secret tells it; a placeholder goes in as it is written.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::definition::{Default, State};
use crate::given::Given;
use crate::keys;
use crate::redaction::{is_secret, without_credentials};

/// The digest, in hex.
pub(crate) fn digest(config: &Config, given: &Given) -> String {
    let mut lines = BTreeMap::new();
    for definition in keys::all().filter(|key| matches!(key.state, State::Supported | State::Fixed(_))) {
        let text = match (given.values.get(definition.key), definition.default) {
            (Some(held), _) => held.text.clone(),
            (None, Default::Value(text)) => text.to_owned(),
            (None, _) => continue,
        };
        lines.insert(definition.key.to_owned(), text);
    }
    lines.extend(given.open.iter().map(|open| (open.key.clone(), open.text.clone())));
    for (key, text) in [
        ("offset.storage.topic", &config.offset_storage_topic),
        ("quarantine.topic.name", &config.quarantine_topic_name),
        ("anchor.topic.name", &config.anchor_topic_name),
        ("auto.register.schemas", &config.auto_register_schemas.to_string()),
        ("contract.on.drift", &config.contract_on_drift.to_string()),
    ] {
        lines.entry(key.to_owned()).or_insert_with(|| text.clone());
    }
    let uri = "mongodb.connection.string";
    let shown = lines.get(uri).map(|text| without_credentials(text)).unwrap_or_default();
    lines.retain(|key, _| !is_secret(key));
    lines.insert(uri.to_owned(), shown);
    let mut hash = Sha256::new();
    for (key, value) in lines {
        hash.update(format!("{key}={value}\n"));
    }
    hex::encode(hash.finalize())
}
