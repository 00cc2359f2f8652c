//! The end of a transaction: the anchor of the ticks that it closes, progress and position.
//!
//! Invariants: `exact` and `complete` are the conjunction over all collections, listed or taken from base; `inexact` is
//! empty exactly when `exact`; a difference lists each collection of which anything differs from its base.

use std::collections::BTreeMap;

use super::{Closed, LaneFacts, Ledger, PositionFacts};
use crate::anchor::record::{FORMAT, POSITION_FORMAT, TICK};
use crate::anchor::{Anchor, CollectionCut, Inexact, PartitionCut, digest, encode, encode_key, id, merge, parts};
use crate::model::{ClusterTime, uuid_text};
use crate::offsets::{Position, Progress};
use crate::sink::{ControlRecord, ControlTopic};
use crate::task::cut::Ticks;

impl Ledger {
    /// Ends a transaction after its flush. `now_ms` is the writer's clock.
    pub fn close(&mut self, ticks: Option<Ticks>, position: PositionFacts, now_ms: i64) -> Closed {
        let anchor = ticks.map(|ticks| self.anchor(ticks, &position, now_ms));
        let mut records: Vec<ControlRecord> = Vec::with_capacity(self.touched.len() + 2);
        let LaneFacts { connector, prefix, scope, .. } = &self.facts;
        for namespace in std::mem::take(&mut self.touched) {
            records.push(offsets(
                scope.progress_key(connector, prefix, &namespace),
                self.collections[&namespace].to_value(),
            ));
        }
        if let Some(anchor) = &anchor {
            records.extend(parts::split(anchor, parts::LIMIT).iter().map(|part| ControlRecord {
                topic: ControlTopic::Anchors,
                key: encode_key(&part.key(), self.facts.anchor_key_schema_id),
                value: Some(encode(part, self.facts.anchor_schema_id)),
                headers: None,
            }));
        }
        let key = scope.position_key(connector, prefix);
        records.push(offsets(key, self.position(position).to_value()));
        Closed { records, anchor }
    }

    fn anchor(&mut self, ticks: Ticks, position: &PositionFacts, now_ms: i64) -> Anchor {
        let inexact = self.reasons(ticks.cut, position.inexact_until);
        // A reason without a namespace holds for each collection.
        let all = inexact.iter().any(|reason| reason.namespace.is_none());
        let now: BTreeMap<String, CollectionCut> =
            self.collections.values().map(|p| (p.namespace.to_string(), collection(p, all))).collect();
        let complete = now.values().all(|c| c.export_complete);
        let kind = self.next_kind.take().unwrap_or_else(|| TICK.to_owned());
        let base = self.base.as_ref().filter(|_| kind == TICK && self.since_full + 1 < self.facts.full_every);
        let collections = match base {
            None => now.values().cloned().collect(),
            Some(base) => now.values().filter_map(|c| merge::difference(c, base.get(&c.namespace))).collect(),
        };
        let full = base.is_none();
        let mut anchor = Anchor {
            format: FORMAT,
            id: String::new(),
            connector: self.facts.connector.clone(),
            lane: self.facts.lane as i32,
            lanes: self.facts.lanes as i32,
            layout: self.facts.layout.clone(),
            kind,
            cut: ticks.cut,
            covers_from: ticks.covers_from,
            cut_ms: ticks.cut.wall_ms(),
            part: 0,
            parts: 1,
            exact: inexact.is_empty(),
            complete,
            inexact,
            history: self.facts.history.clone(),
            position_format: POSITION_FORMAT.to_owned(),
            position: position.resume.as_ref().map_or_else(Vec::new, |token| token.as_bytes().to_vec()),
            parent: self.last_anchor.clone(),
            base: if full { None } else { self.last_full.clone() },
            full,
            collections,
            gap: None,
            rollback_to: None,
            label: self.next_label.take(),
            lineage: self.facts.lineage.clone(),
            written_ms: now_ms,
        };
        anchor.id = id::id(&anchor);
        self.written(&anchor, now);
        anchor
    }

    /// What makes a cut inexact. Reasons that have ended are forgotten.
    fn reasons(&mut self, cut: ClusterTime, inexact_until: Option<ClusterTime>) -> Vec<Inexact> {
        self.doubts.retain(|reason| reason.holds(cut));
        let mut reasons = self.doubts.clone();
        if let Some(until) = inexact_until.filter(|until| cut <= *until) {
            // The images show everything up to and with that time, so the first exact cut lies after it.
            super::merge_reason(&mut reasons, Inexact::for_all("late-lookup", Some(until.succ())));
        }
        for (namespace, progress) in &mut self.collections {
            let before = progress.inexact.len();
            progress.inexact.retain(|reason| reason.holds(cut));
            if progress.inexact.len() != before {
                self.touched.insert(namespace.clone());
            }
            reasons.extend(progress.inexact.iter().cloned());
        }
        reasons
    }

    /// Takes note of an anchor: it is the parent of the next, which begins where it ends.
    fn written(&mut self, anchor: &Anchor, now: BTreeMap<String, CollectionCut>) {
        for (namespace, progress) in &mut self.collections {
            for partition in progress.partitions.values_mut().filter(|p| p.begin != p.end) {
                partition.begin = partition.end;
                self.touched.insert(namespace.clone());
            }
        }
        self.last_anchor = Some(anchor.id.clone());
        self.last_tick = Some(anchor.cut);
        if anchor.full {
            self.base = Some(now);
            self.last_full = Some(anchor.id.clone());
            self.since_full = 0;
        } else {
            self.since_full += 1;
        }
    }

    fn position(&self, facts: PositionFacts) -> Position {
        Position {
            resume: facts.resume,
            witness: facts.witness,
            frontier: facts.frontier,
            pipeline: facts.pipeline,
            history: self.facts.history.clone(),
            source_uuids: self.facts.source_uuids.clone(),
            patterns: self.facts.patterns.clone(),
            lane: self.facts.lane,
            lanes: self.facts.lanes,
            layout: self.facts.layout.clone(),
            inexact_until: facts.inexact_until,
            last_tick: self.last_tick,
            last_anchor: self.last_anchor.clone(),
            last_full_anchor: self.last_full.clone(),
            anchors_since_full: self.since_full,
            next_kind: self.next_kind.clone(),
            next_label: self.next_label.clone(),
            snapshot_done: facts.snapshot_done,
        }
    }
}

fn offsets(key: Vec<u8>, value: Vec<u8>) -> ControlRecord {
    ControlRecord { topic: ControlTopic::Offsets, key, value: Some(value), headers: None }
}

/// A collection as it stands at a cut.
fn collection(progress: &Progress, all_inexact: bool) -> CollectionCut {
    let digests = std::iter::once(&progress.key_schema_digest).chain(progress.value_schemas.values());
    CollectionCut {
        namespace: progress.namespace.to_string(),
        epoch: uuid_text(&progress.epoch),
        topic: progress.topic.clone(),
        topic_id: progress.topic_id.clone(),
        partition_count: progress.partition_count,
        export: progress.export.clone(),
        export_complete: progress.export_complete,
        exact: progress.inexact.is_empty() && !all_inexact,
        scope: None,
        contract: progress.contract.clone(),
        key_schema_id: progress.key_schema_id as i32,
        value_schema_ids: progress.value_schemas.keys().map(|id| *id as i32).collect(),
        schema_digests: digests.cloned().collect(),
        records: progress.counts,
        records_digest: progress.digest.map(|digest| digest.to_bytes().to_vec()),
        digest_algorithm: progress.digest.map(|_| digest::ALGORITHM.to_owned()),
        partitions: progress
            .partitions
            .iter()
            .map(|(&partition, p)| PartitionCut {
                partition,
                first: p.first,
                begin: p.begin,
                end: p.end,
                records: p.records,
            })
            .collect(),
    }
}
