//! What changed between two cuts, collection by collection.
//!
//! Invariants: what is counted of a collection is B's total less A's, and only where both are of one export: totals of
//! two exports can't be subtracted; `between(b, a)` has the same numbers as `between(a, b)`, with the other sign; a
//! collection in which nothing changed is not listed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::record::{Anchor, CollectionCut, Counts};

/// A value at A and at B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// At A.
    pub from: T,
    /// At B.
    pub to: T,
}

/// What a collection is in the two cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// In both, under one export: the counts are what lies between.
    Both,
    /// In both, under two exports or epochs: the counts are B's, from its export's begin.
    AnotherExport,
    /// Only in A: the counts are A's, negated.
    OnlyA,
    /// Only in B: the counts are B's.
    OnlyB,
}

/// A partition that moved. Offsets are ends: exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionChange {
    /// Kafka partition.
    pub partition: i32,
    /// End at A; `None` where A has no record there, or another export's.
    pub from: Option<i64>,
    /// End at B; `None` where B has none.
    pub to: Option<i64>,
    /// Records between, as the counts are.
    pub records: i64,
}

/// What changed of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectionChange {
    /// The collection.
    pub namespace: String,
    /// Where it is.
    pub presence: Presence,
    /// Records in its topic, between or in all as `presence` says.
    pub records: i64,
    /// The same by kind.
    pub counts: Counts,
    /// Registry ids of values that B lists and A does not, ascending.
    pub schema_ids_added: Vec<i32>,
    /// Registry ids of values that A lists and B does not, ascending.
    pub schema_ids_gone: Vec<i32>,
    /// Fields that differ, by their names in the anchor, as text.
    pub fields: BTreeMap<&'static str, Change<Option<String>>>,
    /// Partitions that moved, ascending.
    pub partitions: Vec<PartitionChange>,
}

/// What changed between two cuts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Between {
    /// From A's cut to B's; below zero where B is the earlier one.
    pub seconds: i64,
    /// Layouts of lanes, where they are two.
    pub layout: Option<Change<String>>,
    /// Histories of the source, where they are two: the times of the cuts can't be compared then.
    pub history: Option<Change<String>>,
    /// Collections that differ, by name.
    pub collections: Vec<CollectionChange>,
    /// Collections in which nothing changed.
    pub unchanged: usize,
}

/// Compares two cuts, each as its lanes' anchors, merged onto their bases.
pub fn between(a: &[Anchor], b: &[Anchor]) -> Between {
    let of =
        |anchors: &[Anchor], field: fn(&Anchor) -> &String| anchors.first().map(field).cloned().unwrap_or_default();
    let differ = |field: fn(&Anchor) -> &String| {
        let change = Change { from: of(a, field), to: of(b, field) };
        (change.from != change.to).then_some(change)
    };
    let seconds = |anchors: &[Anchor]| anchors.iter().map(|anchor| i64::from(anchor.cut.t)).min().unwrap_or_default();
    let (before, after) = (by_name(a), by_name(b));
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let all = names.len();
    let changed = names.into_iter().filter_map(|name| collection(name, before.get(name), after.get(name)));
    let collections: Vec<CollectionChange> = changed.collect();
    Between {
        seconds: seconds(b) - seconds(a),
        layout: differ(|anchor| &anchor.layout),
        history: differ(|anchor| &anchor.history),
        unchanged: all - collections.len(),
        collections,
    }
}

fn by_name(anchors: &[Anchor]) -> BTreeMap<&str, &CollectionCut> {
    anchors.iter().flat_map(|anchor| &anchor.collections).map(|c| (c.namespace.as_str(), c)).collect()
}

fn collection(name: &str, a: Option<&&CollectionCut>, b: Option<&&CollectionCut>) -> Option<CollectionChange> {
    let presence = match (a, b) {
        (Some(a), Some(b)) if (&a.epoch, &a.export, &a.topic) == (&b.epoch, &b.export, &b.topic) => Presence::Both,
        (Some(_), Some(_)) => Presence::AnotherExport,
        (Some(_), None) => Presence::OnlyA,
        (None, _) => Presence::OnlyB,
    };
    // What is subtracted: nothing, where B's totals count from another begin.
    let less = a.filter(|_| presence != Presence::AnotherExport);
    let ids =
        |c: Option<&&CollectionCut>| -> BTreeSet<i32> { c.iter().flat_map(|c| &c.value_schema_ids).copied().collect() };
    let stored = |c: Option<&&CollectionCut>| c.map_or(0, |c| c.stored());
    let change = CollectionChange {
        namespace: name.to_owned(),
        presence,
        records: stored(b) - stored(less),
        counts: counts(less.map(|c| &c.records), b.map(|c| &c.records)),
        schema_ids_added: ids(b).difference(&ids(a)).copied().collect(),
        schema_ids_gone: ids(a).difference(&ids(b)).copied().collect(),
        fields: match (a, b) {
            (Some(a), Some(b)) => fields(a, b),
            _ => BTreeMap::new(),
        },
        partitions: partitions(less, b),
    };
    let nothing = presence == Presence::Both
        && change.records == 0
        && change.counts == Counts::default()
        && change.schema_ids_added.is_empty()
        && change.schema_ids_gone.is_empty()
        && change.fields.is_empty()
        && change.partitions.is_empty();
    (!nothing).then_some(change)
}

fn counts(a: Option<&Counts>, b: Option<&Counts>) -> Counts {
    let (a, b) = (a.copied().unwrap_or_default(), b.copied().unwrap_or_default());
    Counts {
        r: b.r - a.r,
        c: b.c - a.c,
        u: b.u - a.u,
        d: b.d - a.d,
        tombstones: b.tombstones - a.tombstones,
        coalesced: b.coalesced - a.coalesced,
        quarantined: b.quarantined - a.quarantined,
        spilled: b.spilled - a.spilled,
    }
}

fn fields(a: &CollectionCut, b: &CollectionCut) -> BTreeMap<&'static str, Change<Option<String>>> {
    let text = |text: &str| Some(text.to_owned());
    let each = |c: &CollectionCut| {
        [
            ("epoch", text(&c.epoch)),
            ("export", text(&c.export)),
            ("topic", text(&c.topic)),
            ("topic_id", c.topic_id.clone()),
            ("partition_count", Some(c.partition_count.to_string())),
            ("export_complete", Some(c.export_complete.to_string())),
            ("exact", Some(c.exact.to_string())),
            ("scope", c.scope.clone()),
            ("contract", c.contract.clone()),
            ("key_schema_id", Some(c.key_schema_id.to_string())),
        ]
    };
    let pairs = each(a).into_iter().zip(each(b));
    pairs.filter(|((_, a), (_, b))| a != b).map(|((name, from), (_, to))| (name, Change { from, to })).collect()
}

fn partitions(a: Option<&&CollectionCut>, b: Option<&&CollectionCut>) -> Vec<PartitionChange> {
    let of = |c: Option<&&CollectionCut>| -> BTreeMap<i32, (i64, i64)> {
        c.iter().flat_map(|c| &c.partitions).map(|p| (p.partition, (p.end, p.records))).collect()
    };
    let (a, b) = (of(a), of(b));
    let all: BTreeSet<i32> = a.keys().chain(b.keys()).copied().collect();
    let each = all.into_iter().filter(|partition| a.get(partition) != b.get(partition));
    each.map(|partition| {
        let (from, to) = (a.get(&partition), b.get(&partition));
        let records = to.map_or(0, |to| to.1) - from.map_or(0, |from| from.1);
        PartitionChange { partition, from: from.map(|from| from.0), to: to.map(|to| to.0), records }
    })
    .collect()
}
