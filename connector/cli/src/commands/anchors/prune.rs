//! `anchors prune`: takes anchors out of their topic, on request, by tombstones.
//!
//! ```text
//! topic read ──> what goes ──> said ── --yes ──> archive on disk, read back ──> tombstones, differences before bases
//! ```
//!
//! Invariants: without `--yes` nothing is written; with an archive nothing is taken out before it stands whole; what a
//! running connector may still refer to stays (`thinning`), so it may run meanwhile; a removal that was broken off is
//! ended by the next one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use moorline_config::{Config, Retention};
use moorline_export::select::topics as schemas;
use moorline_pipeline::anchor::archive::{Archive, Kept};
use moorline_pipeline::anchor::outline::{Outline, Outlines, Ticks};
use moorline_pipeline::anchor::thinning::{self, Also, Wish};
use moorline_pipeline::anchor::{decode, decode_key};
use moorline_pipeline::avro_text::unframed;
use moorline_pipeline::error::{Failure, Problem, Result};
use moorline_pipeline::model::ClusterTime;
use moorline_sink_kafka::{TopicReader, TopicWriter};
use serde_json::json;

use super::{Answer, Place, archived, fetch, words};
use crate::failure::Failed;
use crate::{keeping, wiring};

/// Flags of `anchors prune`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(ArgGroup::new("which").required(true).multiple(false)))]
pub(crate) struct PruneArgs {
    /// Those cut before this time (RFC 3339), or longer ago than this span (90s, 30m, 1h, 7d)
    #[arg(long, value_name = "TIME|SPAN", group = "which")]
    before: Option<words::Since>,
    /// Those that this retention does not keep, in the form of `anchor.retention`: all:1h,1m:1d,1h:30d,1d
    #[arg(long, value_name = "RETENTION", group = "which", value_parser = retention)]
    keep: Option<Retention>,
    /// Labelled ones too
    #[arg(long)]
    include_labelled: bool,
    /// Those of other kinds too: requested, snapshot-begin, snapshot-complete, gap, layout
    #[arg(long)]
    include_kinds: bool,
    /// Write what goes to this new file first, with all that proves it
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    /// Do it; without this flag it is only said what would go
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say what would go, which is what happens without --yes
    #[arg(long)]
    dry_run: bool,
}

fn retention(text: &str) -> Result<Retention, String> {
    text.parse()
}

/// The topic's records as bytes; under a key the last counts.
#[derive(Default)]
struct Topic {
    outlines: Outlines,
    values: HashMap<Vec<u8>, Vec<u8>>,
    order: Vec<Vec<u8>>,
    removed: HashSet<String>,
}

pub(crate) fn run(args: &PruneArgs, config: &Config, place: &Place, json: bool, now_ms: i64) -> Result<Answer, Failed> {
    let reader = TopicReader::open(&place.kafka)?;
    let name = place.kafka.control.anchors.as_str();
    let topic = read(&reader, name, &place.connector)?;
    let all = topic.outlines.all();
    let wish = match (&args.before, &args.keep) {
        (Some(before), _) => {
            Wish::Before(ClusterTime::new(u32::try_from(before.seconds(now_ms).max(0)).unwrap_or(u32::MAX), 0))
        }
        (_, keep) => Wish::Thin(keep.as_ref().map(keeping::steps).unwrap_or_default()),
    };
    let also = Also { labelled: args.include_labelled, kinds: args.include_kinds };
    let gone = thinning::gone(&all, &wish, also, now_ms / 1000);
    let leftovers = topic.leftovers();
    let going: Vec<&Outline> = gone.iter().map(|&place| all[place]).collect();
    let keys: Vec<Vec<u8>> = going.iter().flat_map(|outline| outline.keys.iter().cloned()).chain(leftovers).collect();
    let bytes: usize = keys.iter().map(|key| key.len() + topic.values.get(key).map_or(0, Vec::len)).sum();
    let mut written = None;
    if args.yes {
        if let Some(path) = args.archive.as_ref().filter(|_| !going.is_empty()) {
            let archive = topic.archive(&all, &gone, config, place)?;
            written = Some((path, archived::write(path, &archive)?, archive.records.len()));
        }
        let tombstones: Vec<(Vec<u8>, Option<Vec<u8>>)> = keys.iter().map(|key| (key.clone(), None)).collect();
        TopicWriter::open(&place.kafka)?.keep(name, &tombstones)?;
    }
    let labelled = going.iter().filter(|outline| outline.label.is_some()).count();
    let kinds = going.iter().filter(|outline| outline.label.is_none() && !outline.tick).count();
    let times: BTreeSet<ClusterTime> = going.iter().map(|outline| outline.cut).collect();
    if json {
        let answer = json!({
            "version": 1,
            "connector": place.connector,
            "topic": name,
            "done": args.yes,
            "anchors": going.len(),
            "labelled": labelled,
            "kinds": kinds,
            "records": keys.len(),
            "bytes": bytes,
            "kept": all.len() - going.len(),
            "first": times.first().map(|time| words::instant(*time)),
            "last": times.last().map(|time| words::instant(*time)),
            "archive": written.map(|(path, bytes, records)| json!({"file": path, "bytes": bytes, "records": records})),
            "ids": going.iter().map(|outline| &outline.id).collect::<Vec<_>>(),
        });
        return Ok(Answer { data: format!("{answer:#}\n"), ..Answer::default() });
    }
    let mut data = match (times.first(), times.last()) {
        (Some(first), Some(last)) => format!(
            "{} {}   {} to {}   {} ticks, {labelled} labelled, {kinds} of other kinds   {}   {} stay\n",
            if args.yes { "pruned" } else { "would go:" },
            words::plural(going.len(), "anchor"),
            words::instant(*first),
            words::instant(*last),
            going.len() - labelled - kinds,
            words::bytes(bytes as u64),
            all.len() - going.len(),
        ),
        _ => format!("nothing to prune: all of {} stay\n", words::plural(all.len(), "anchor")),
    };
    if let Some((path, bytes, records)) = written {
        data += &format!("archive {}   {records} records, {}\n", path.display(), words::bytes(bytes));
    }
    let mut answer = Answer { data, ..Answer::default() };
    if !args.yes && !keys.is_empty() {
        answer.notes.push("nothing was removed: --yes does it".to_owned());
    }
    Ok(answer)
}

fn read(reader: &TopicReader, name: &str, connector: &str) -> Result<Topic> {
    let mut topic = Topic { outlines: Outlines::new(connector), ..Topic::default() };
    let there = fetch::raw(reader, name, &mut None, &mut |key, value| {
        topic.outlines.push(key, value);
        let Ok(named) = decode_key(key) else { return };
        if named.connector != connector {
            return;
        }
        match value {
            Some(value) => {
                if topic.values.insert(key.to_vec(), value.to_vec()).is_none() {
                    topic.order.push(key.to_vec());
                }
            }
            None => {
                topic.values.remove(key);
                topic.removed.insert(named.id);
            }
        }
    })?;
    if there { Ok(topic) } else { Err(fetch::no_topic(name, connector)) }
}

impl Topic {
    /// Records of anchors of which another part was taken out already: a removal ended before they went.
    fn leftovers(&self) -> Vec<Vec<u8>> {
        let left = self.values.keys().filter(|key| decode_key(key).is_ok_and(|key| self.removed.contains(&key.id)));
        left.cloned().collect()
    }

    /// What goes, and whatever it needs to be read: bases, other lanes of its cut, the texts of all schemas.
    fn archive(&self, all: &[&Outline], gone: &[usize], config: &Config, place: &Place) -> Result<Archive, Failed> {
        let ticks = Ticks::new(all);
        let going: BTreeSet<usize> = gone.iter().copied().collect();
        let mates = gone.iter().flat_map(|&place| ticks.covering(&all[place].layout, all[place].cut));
        let mut wanted: BTreeSet<usize> = going.iter().copied().chain(mates).collect();
        let places: HashMap<&str, usize> =
            all.iter().enumerate().map(|(place, outline)| (outline.id.as_str(), place)).collect();
        let bases = wanted.iter().filter_map(|&place| places.get(all[place].base.as_deref()?)).copied();
        let bases: Vec<usize> = bases.collect();
        wanted.extend(bases);
        let pruned: HashMap<&Vec<u8>, bool> =
            wanted.iter().flat_map(|place| all[*place].keys.iter().map(|key| (key, going.contains(place)))).collect();
        let kept = self.order.iter().filter_map(|key| {
            let value = self.values.get(key)?.clone();
            Some(Kept { key: key.clone(), value, pruned: *pruned.get(key)? })
        });
        let records: Vec<Kept> = kept.collect();
        let schemas = texts(&records, config)?;
        let (connector, topic) = (place.connector.clone(), place.kafka.control.anchors.clone());
        Ok(Archive { connector, topic, schemas, records })
    }
}

/// The texts behind the ids in the records' own frames, and behind those that the anchors name, which must be the same.
fn texts(records: &[Kept], config: &Config) -> Result<BTreeMap<i32, String>, Failed> {
    let registry = wiring::registry(config)?;
    let runtime = crate::commands::runtime()?;
    let mut texts: BTreeMap<i32, String> = BTreeMap::new();
    let mut text = |id: i32| -> Result<Option<String>> {
        if !texts.contains_key(&id)
            && let Some(found) = runtime.block_on(registry.by_id(u32::try_from(id).unwrap_or_default()))?
        {
            texts.insert(id, found);
        }
        Ok(texts.get(&id).cloned())
    };
    let mut seen: HashSet<Vec<i32>> = HashSet::new();
    for kept in records {
        for bytes in [&kept.key, &kept.value] {
            let id = unframed(bytes).and_then(|(id, _)| i32::try_from(id).ok()).unwrap_or_default();
            if text(id)?.is_none() {
                return Err(no_schema(id, "the registry does not know this id, which the anchor's record has").into());
            }
        }
        let Ok(anchor) = decode(&kept.value) else { continue };
        for collection in anchor.collections.iter().filter(|c| !c.value_schema_ids.is_empty()) {
            let ids = schemas::schema_ids(collection);
            if !seen.insert(ids.clone()) {
                continue;
            }
            let found = ids.iter().map(|id| text(*id)).collect::<Result<Vec<_>>>()?;
            if let Err(problem) = schemas::check_schemas(collection, &found) {
                let why = format!("{}: {}", problem.what, problem.why);
                return Err(no_schema(collection.key_schema_id, &why).into());
            }
        }
    }
    Ok(texts)
}

fn no_schema(id: i32, why: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-6153",
        "a schema can't be archived with the anchors that need it, so nothing is pruned",
        format!("schema id {id}"),
        why,
        "restore the registry's own topic (_schemas) from a backup\nor prune without --archive, if these anchors need not be proven any more",
    ))
}
