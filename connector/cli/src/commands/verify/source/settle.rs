//! Keys that do not agree, read again at the same time: what differs, what was held out, what an older schema explains.
//!
//! Invariants: a key is called different only by readings at the cut's time; two readings of one time that disagree
//! prove nothing; what is not looked into is neither called good nor bad.

use std::collections::{BTreeMap, BTreeSet};

use bson::RawDocument;
use moorline_export::verify::{Suspect, SuspectKind, Verdict, row};
use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::contract::plan::Scratch;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{Id, Namespace, Uuid};
use moorline_pipeline::source::Source as _;
use serde_json::Value;

use super::super::report::{Difference, Range};
use super::plans::{Plans, Record};
use super::read::Taken;
use super::{Bench, blocking, export, standing};
use crate::commands::words;

/// Bytes of documents that are read again.
const MOST_BYTES: usize = 64 << 20;
/// Fields of a key that are named.
const MOST_FIELDS: usize = 8;

/// The second reading of the source.
enum Again {
    /// The documents that it has, by key.
    Read(BTreeMap<Vec<u8>, Vec<u8>>),
    /// The cut's time can't be read any more.
    Over,
}

/// Settles all suspects, and gives the range its verdict.
pub(super) async fn settle(
    bench: &Bench,
    cut: &CollectionCut,
    namespace: &Namespace,
    uuid: &Uuid,
    plans: &Plans,
    taken: Taken,
    range: &mut Range,
) -> Result<()> {
    let Taken { mut comparison, ids } = taken;
    range.equal = comparison.equal;
    let all = comparison.suspect_count;
    let suspects: Vec<Suspect> = comparison.end().to_vec();
    if suspects.is_empty() {
        range.verdict = Verdict::Accept;
        return Ok(());
    }
    let keys: BTreeSet<&[u8]> = suspects.iter().map(|suspect| &*suspect.key).collect();
    let values = blocking(|| export::values(bench, cut, &keys))?;
    let missing = |suspect: &&Suspect| suspect.kind == SuspectKind::Missing;
    let missing: BTreeSet<&[u8]> = suspects.iter().filter(missing).map(|suspect| &*suspect.key).collect();
    let held = match missing.is_empty() || cut.records.quarantined == 0 {
        true => Some(BTreeSet::new()),
        false => blocking(|| export::held_out(bench, cut, &missing))?,
    };
    let again = read_again(bench, namespace, uuid, plans, &ids).await?;
    let (mut unproven, mut different) = (0_u64, 0_u64);
    for suspect in &suspects {
        let exported = values.get(&*suspect.key).and_then(Option::as_deref);
        let document = match &again {
            Again::Read(found) => found.get(&*suspect.key).map(Vec::as_slice),
            Again::Over => None,
        };
        let difference = match (suspect.kind, &again) {
            (SuspectKind::Missing, _) => match &held {
                Some(held) if held.contains(&*suspect.key) => {
                    range.held_out += 1;
                    continue;
                }
                None => {
                    unproven += 1;
                    continue;
                }
                Some(_) => Difference {
                    key: plans.key(&suspect.key),
                    kind: "missing",
                    place: String::new(),
                    fields: Vec::new(),
                },
            },
            (SuspectKind::Ghost, _) => {
                Difference { key: plans.key(&suspect.key), kind: "ghost", place: String::new(), fields: Vec::new() }
            }
            // Whether an older schema explains it can't be told without the document.
            (SuspectKind::Differs, Again::Over) => {
                unproven += 1;
                continue;
            }
            (SuspectKind::Differs, Again::Read(_)) => match compared(plans, namespace, document, exported) {
                Compared::Same => {
                    range.equal += 1;
                    continue;
                }
                Compared::Unsteady => {
                    unproven += 1;
                    continue;
                }
                Compared::Differs(fields) => {
                    Difference { key: plans.key(&suspect.key), kind: "differs", place: String::new(), fields }
                }
            },
        };
        different += 1;
        if range.differences.len() < bench.args.named {
            range.differences.push(difference);
        }
    }
    let not_looked_at = all - suspects.len() as u64;
    let differing = different + if different > 0 { not_looked_at } else { 0 };
    range.difference_count = Some(differing);
    if different > 0 {
        range.verdict = Verdict::Reject;
        range.reasons.push(rejected(bench, cut, differing));
    } else if unproven + not_looked_at > 0 {
        range.verdict = Verdict::Unsupported;
        range.reasons.push(standing::uncomparable(
            &cut.namespace,
            &format!(
                "{} keys do not agree, and whether that is a difference can't be told: they could not be read again at the cut, \
                 or the quarantine topic has lost what would explain them",
                unproven + not_looked_at
            ),
            "verify a newer cut: --at latest while the connector runs",
        ));
    } else {
        range.verdict = Verdict::Accept;
    }
    Ok(())
}

async fn read_again(
    bench: &Bench,
    namespace: &Namespace,
    uuid: &Uuid,
    plans: &Plans,
    ids: &BTreeMap<Vec<u8>, Id>,
) -> Result<Again> {
    if bench.outside().is_some() {
        return Ok(Again::Over);
    }
    let wanted: Vec<Id> = ids.values().cloned().collect();
    if wanted.is_empty() {
        return Ok(Again::Read(BTreeMap::new()));
    }
    let found = match bench.source.look_up(namespace, uuid, &wanted, Some(bench.cut.pred()), MOST_BYTES).await {
        Ok(found) => found,
        Err(Failure { next: Next::NewTime, .. }) => return Ok(Again::Over),
        Err(failure) => return Err(failure),
    };
    if !found.same_epoch || !found.whole || found.unsettled_until.is_some() {
        return Ok(Again::Over);
    }
    let mut read = BTreeMap::new();
    for bytes in &found.documents {
        if let Ok(document) = RawDocument::from_bytes(bytes)
            && let Ok(Some(id)) = document.get("_id")
        {
            let mut key = Vec::new();
            plans.current().key(id, &mut key);
            read.insert(key, bytes.to_vec());
        }
    }
    Ok(Again::Read(read))
}

enum Compared {
    /// By the schema that the record was written with they are the same.
    Same,
    /// The second reading of the same time is another one than the first.
    Unsteady,
    Differs(Vec<(String, Value, Value)>),
}

fn compared(plans: &Plans, namespace: &Namespace, document: Option<&[u8]>, exported: Option<&[u8]>) -> Compared {
    let (Some(document), Some(exported)) = (document.and_then(|bytes| RawDocument::from_bytes(bytes).ok()), exported)
    else {
        return Compared::Unsteady;
    };
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let whole = |source: Value, export: Value| Compared::Differs(vec![(String::new(), source, export)]);
    let theirs = match plans.record(Some(exported)) {
        Record::Row(theirs) => theirs,
        Record::Gone => return Compared::Unsteady,
        Record::Unreadable(why) => {
            return whole("a document".into(), format!("a record that can't be read: {why}").into());
        }
    };
    let ours = plans.current().hash(document, &mut scratch, &mut out);
    if ours.is_ok() && ours.ok() == plans.record_hash(Some(exported)) {
        return Compared::Unsteady;
    }
    let of_writer = plans.of_writer(exported, namespace);
    let as_written = of_writer.and_then(|plan| {
        let ours = plan.hash(document, &mut scratch, &mut out).ok()?;
        Some(Some(ours) == plans.record_hash_by(exported, &plan))
    });
    if as_written == Some(true) {
        return Compared::Same;
    }
    let current = plans.current().row(document, &mut scratch, &mut out);
    match current {
        Err(misfit) => {
            whole(format!("a document that does not fit the contract: {misfit}").into(), Value::Object(theirs))
        }
        Ok(ours) => Compared::Differs(row::differences(&Value::Object(ours), &Value::Object(theirs), MOST_FIELDS)),
    }
}

fn rejected(bench: &Bench, cut: &CollectionCut, differing: u64) -> Problem {
    Problem::new(
        "MOOR-6170",
        format!("the export is not what the source holds: {differing} keys differ"),
        format!("{}, cut {} {}", cut.namespace, words::instant(bench.cut), bench.cut),
        "both were read at the cut's own time; a later agreement would not take it back",
        "do not use the cut; take a new snapshot (start once with snapshot.mode=always), and report the keys that are named",
    )
}
