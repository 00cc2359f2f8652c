//! `--advise`: the decision table of `docs/doctor.md`, applied to this cluster.
//!
//! Invariant: a row speaks only where the configuration says something else than the row would.

use moorline_config::{Config, FullUpdateType, OplogGuard};
use moorline_pipeline::forecast;
use serde_json::{Value, json};

use super::facts::Facts;
use crate::commands::words;

/// Bytes from which a snapshot is worth spreading, and from which it is a burden to a primary.
const LARGE: u64 = 10 << 30;
/// Documents of one collection from which one partition is a bottleneck for its sinks.
const MANY: u64 = 1_000_000;

/// A row that fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// Key and value.
    pub(super) setting: String,
    /// By which facts.
    pub(super) why: String,
}

/// The rows that fit this cluster.
pub(super) fn rows(config: &Config, facts: &Facts) -> Vec<Advice> {
    let Ok(source) = &facts.source else { return Vec::new() };
    let captured: Vec<_> = source.captured().collect();
    let documents: u64 = captured.iter().map(|collection| collection.documents).sum();
    let bytes: u64 = captured.iter().map(|collection| collection.bytes).sum();
    let mut rows = Vec::new();
    let mut row = |setting: &str, why: String| rows.push(Advice { setting: setting.to_owned(), why });
    let with_images = !captured.is_empty() && captured.iter().all(|collection| collection.images);
    if with_images && config.capture_mode_full_update_type == FullUpdateType::Boundary {
        let why = "all collections keep images already: each update saves its look-up".to_owned();
        row("capture.mode.full.update.type=post_image", why);
    }
    if bytes >= LARGE && config.snapshot_max_threads < 4 {
        row("snapshot.max.threads=4", format!("{} to read: more chunks at once finish sooner", words::bytes(bytes)));
    }
    if bytes >= LARGE && source.server.members.len() > 1 && source.server.preference.is_none() {
        let why = format!(
            "{} to read, and {} members: the primary is spared",
            words::bytes(bytes),
            source.server.members.len()
        );
        row("readPreference=secondaryPreferred in mongodb.connection.string", why);
    }
    if let Ok(Some(log)) = &source.log {
        let (takes, window) = (forecast::snapshot_seconds(documents, bytes), forecast::window_seconds(log));
        if !forecast::fits(takes * 2, window) && config.snapshot_oplog_guard == OplogGuard::Warn {
            let why =
                format!("the snapshot may take {}, the oplog holds {}", words::seconds(takes), words::seconds(window));
            row("snapshot.oplog.guard=refuse", why);
        }
    }
    let of_broker = facts
        .kafka
        .as_ref()
        .ok()
        .and_then(|kafka| kafka.cluster.settings.as_ref()?.get("num.partitions")?.parse().ok());
    let partitions: Option<i32> = config.topic_creation_default.partitions.filter(|n| *n > 0).or(of_broker);
    let largest = captured.iter().map(|collection| collection.documents).max().unwrap_or(0);
    if partitions == Some(1) && largest >= MANY {
        let why = format!(
            "{} documents in one collection: one partition is read by one consumer only",
            words::rounded(largest)
        );
        row("topic.creation.default.partitions=6", why);
    }
    rows
}

/// For people.
pub(super) fn human(rows: &[Advice]) -> String {
    if rows.is_empty() {
        return "\nadvice  nothing to change: the defaults fit this cluster\n".to_owned();
    }
    rows.iter().map(|row| format!("\nadvice  {}\n  why    {}\n", row.setting, row.why)).collect()
}

/// For machines.
pub(super) fn machine(rows: &[Advice]) -> Value {
    rows.iter().map(|row| json!({"setting": row.setting, "why": row.why})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::facts::SourceFacts;
    use crate::commands::doctor::testing::config;
    use moorline_pipeline::error::Problem;
    use moorline_pipeline::model::Namespace;
    use moorline_source_mongodb::{CollectionFacts, Kind, ServerFacts, UserFacts};

    fn facts(images: bool, documents: u64, bytes: u64, members: usize) -> Facts {
        let collection = CollectionFacts {
            namespace: Namespace::new("a", "b"),
            kind: Kind::Collection,
            captured: true,
            images,
            capped: false,
            documents,
            bytes,
            shard_key: Vec::new(),
        };
        let server = ServerFacts { members: vec!["h".to_owned(); members], ..ServerFacts::default() };
        let absent = || Problem::new("MOOR-3001", "", "", "", "");
        Facts {
            source_place: String::new(),
            source: Ok(SourceFacts {
                server,
                user: Ok(UserFacts::default()),
                log: Ok(None),
                collections: Ok(vec![collection]),
                shapes: Default::default(),
                stream: Ok(()),
                read: Ok(()),
                preference: Ok(()),
            }),
            data: Vec::new(),
            kafka: Err(absent()),
            registry: Err(absent()),
        }
    }

    #[test]
    fn rows_speak_only_where_they_fit() {
        let plain = config("collection.include.list=a.b");
        let settings =
            |config: &Config, facts: &Facts| rows(config, facts).into_iter().map(|row| row.setting).collect::<Vec<_>>();
        assert!(settings(&plain, &facts(false, 10, 1_000, 3)).is_empty());
        assert_eq!(settings(&plain, &facts(true, 10, 1_000, 3)), ["capture.mode.full.update.type=post_image"]);
        let large = settings(&plain, &facts(false, 5_000_000, LARGE, 3));
        assert!(
            large.len() == 2 && large[0] == "snapshot.max.threads=4" && large[1].contains("secondaryPreferred"),
            "{large:?}"
        );
        let one = config("collection.include.list=a.b\ntopic.creation.default.partitions=1\nsnapshot.max.threads=4");
        assert_eq!(settings(&one, &facts(false, 5_000_000, LARGE, 1)), ["topic.creation.default.partitions=6"]);
    }
}
