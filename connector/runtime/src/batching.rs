//! One batch of an actor: events taken at a cut, their images looked up, and what befalls their collections.
//!
//! Invariants: every image is that of the cut, or later and then said (`inexact_until`); a missing image is never taken
//! for a delete (I-IMG-2); a look-up in a collection that was dropped or renamed meanwhile proves nothing; images of
//! more than one group of events stay within their budget of bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use moorline_pipeline::anchor::Inexact;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Op, canonical_id};
use moorline_pipeline::source::{Images as Mode, Source};
use moorline_pipeline::task::cut::{Budget, Cut};
use moorline_pipeline::task::frontier::Sequenced;
use moorline_pipeline::task::images::{self, LookUps};
use tracing::{debug, info, warn};

use crate::actor::Actor;
use crate::budget::OVERHEAD;
use crate::reading::unsettled;
use crate::work::{EventBatch, Image, Job};

/// What the look-ups of a batch have brought. Nothing of it counts before the batch is known to be handed on: where it is
/// too much, the batch is cut anew.
#[derive(Default)]
struct Images {
    /// By the numbers of the plan.
    found: Vec<Option<Image>>,
    inexact: BTreeMap<Namespace, Vec<Inexact>>,
    bytes: usize,
    /// Keys that were read later than the cut, and when.
    overtaken: Vec<(images::Key, ClusterTime)>,
}

impl<S: Source> Actor<S> {
    /// What the next batch may hold: less where the images of the last one were too much.
    pub(crate) fn batch_budget(&self) -> Budget {
        let Budget { events, bytes } = self.settings.batch;
        Budget { events: self.shorter.map_or(events, |shorter| shorter.min(events)), bytes }
    }

    /// Takes the events of a cut, looks their images up and hands them on with the position after them. Where the images
    /// are too many bytes nothing is handed on, and the next cut is shorter.
    pub(crate) async fn batch(&mut self, cut: Cut) -> Result<()> {
        if cut.count > 0 {
            let events = self.frontier.take(cut.count);
            let (wanted, updates) = (self.settings.images, self.settings.updates);
            let plan = images::plan(&events, &self.overtaken, wanted, updates);
            // A group of one time is never split, whatever its images take.
            let one_group = events[0].change.time == events[events.len() - 1].change.time;
            let limit = if one_group { usize::MAX } else { self.settings.image_bytes() };
            let epochs = (!one_group && !plan.look_ups.is_empty()).then(|| self.epochs.clone());
            let found = (0..plan.images).map(|_| None).collect();
            let mut images = Images { found, inexact: self.lifecycle(&events), ..Images::default() };
            self.doubt(&events, &mut images.inexact);
            for wanted in plan.look_ups {
                let (began, keys) = (Instant::now(), wanted.ids.len());
                let fits = self.look_up(wanted, cut.at, limit, &mut images).await?;
                self.told.looked_up(keys, began.elapsed());
                if !fits {
                    debug!(events = events.len(), images = images.bytes, "a shorter batch, for the size of its images");
                    self.shorter = Some((events.len() / 2).max(1));
                    self.epochs = epochs.unwrap_or_default();
                    self.frontier.give_back(events);
                    return Ok(());
                }
            }
            // Twice as many are tried only where twice the images would fit: else every second look-up is thrown away.
            if images.bytes <= limit / 2 {
                self.shorter =
                    self.shorter.map(|shorter| shorter * 2).filter(|events| *events < self.settings.batch.events);
            }
            for (key, at) in std::mem::take(&mut images.overtaken) {
                if self.inexact_until.is_none_or(|until| until < at) {
                    info!(collection = %key.0, until = %at, "catching up from before the history window: images are later than their cut");
                    self.inexact_until = Some(at);
                }
                self.overtaken.insert(key, at);
            }
            let last = &events[events.len() - 1].change;
            self.last = Some((last.token(), last.time));
            self.witness = Some(last.token());
            let snapshotting = Arc::clone(&self.snapshotting);
            let bytes = events.iter().map(|event| event.change.len() + OVERHEAD).sum::<usize>() + images.bytes;
            let held = self.hold(bytes).await?;
            let Images { found: images, inexact, .. } = images;
            let (treatments, deltas) = (plan.treatments, self.settings.deltas());
            let batch = EventBatch { events, treatments, images, deltas, snapshotting, inexact, held };
            self.hand(Job::Events(batch)).await?;
        }
        if let Some(ticks) = &cut.ticks {
            self.ticks.close(ticks);
        }
        self.close(cut.at, cut.ticks).await
    }

    /// What the way in which updates come makes inexact: no images at all, or images of some later time.
    fn doubt(&self, events: &[Sequenced], inexact: &mut BTreeMap<Namespace, Vec<Inexact>>) {
        let images = self.settings.images;
        if matches!(images, Mode::Boundary | Mode::Post) {
            return;
        }
        let mut updated: BTreeMap<&Namespace, i64> = BTreeMap::new();
        let updates = events.iter().filter(|event| event.change.op == Op::Update);
        for namespace in updates.filter_map(|event| event.change.namespace.as_ref()) {
            *updated.entry(namespace).or_default() += 1;
        }
        for (namespace, count) in updated {
            let reason = if images == Mode::None {
                Inexact { keys: Some(count), ..Inexact::of("image-missing", namespace) }
            } else {
                // What `updateLookup` showed is no later than the reply that brought it.
                Inexact { until: Some(self.heard.succ()), ..Inexact::of("late-lookup", namespace) }
            };
            inexact.entry(namespace.clone()).or_default().push(reason);
        }
    }

    /// The images of updated documents at the cut; where it has left the history window, at a later time. `false` where
    /// they would be more bytes than the limit.
    async fn look_up(&mut self, wanted: LookUps, at: ClusterTime, limit: usize, images: &mut Images) -> Result<bool> {
        let LookUps { namespace, ids, keys } = wanted;
        let Some(uuid) = self.epochs.get(&namespace).copied() else { return Ok(true) };
        let boundary = at.pred();
        let room = limit - images.bytes.min(limit);
        let found = match self.source.look_up(&namespace, &uuid, &ids, Some(boundary), room).await {
            Err(failure) if failure.next == Next::NewTime => {
                self.source.look_up(&namespace, &uuid, &ids, None, room).await?
            }
            other => other?,
        };
        images.bytes += found.documents.iter().map(Bytes::len).sum::<usize>();
        if !found.whole {
            return Ok(false);
        }
        let late = found.at > boundary;
        if !found.same_epoch {
            warn!(collection = %namespace, keys = ids.len(), "a drop or rename hides the images of updated documents");
            let mut reason = Inexact::of("image-missing", &namespace);
            reason.keys = Some(ids.len() as i64);
            images.inexact.entry(namespace.clone()).or_default().push(reason);
            return Ok(true);
        }
        if let Some(until) = found.unsettled_until {
            images.inexact.entry(namespace.clone()).or_default().push(unsettled(&namespace, until));
        }
        let numbers: HashMap<&[u8], u32> = keys.iter().map(|(key, number)| (&**key, *number)).collect();
        let mut key = Vec::new();
        for document in found.documents {
            key.clear();
            let keyed = bson::RawDocument::from_bytes(&document).is_ok_and(|raw| canonical_id(raw, &mut key));
            if let Some(number) = numbers.get(&*key).filter(|_| keyed) {
                images.found[*number as usize] = Some(Image { document: Some(document), at: found.at });
            }
        }
        drop(numbers);
        for (id, (key, number)) in ids.iter().zip(keys) {
            let image = &mut images.found[number as usize];
            if image.is_none() && !late {
                if images.inexact.contains_key(&namespace) {
                    // The batch itself drops or renames the collection, or its documents are not those of one time:
                    // that hides the image, and is said.
                    continue;
                }
                return Err(image_missing(&namespace, id, boundary));
            }
            image.get_or_insert(Image { document: None, at: found.at });
            if late {
                images.overtaken.push(((namespace.clone(), key), found.at));
            }
        }
        Ok(true)
    }

    /// Takes note of events about collections: their full handling is not in yet, so anchors say what they may hide.
    fn lifecycle(&mut self, events: &[Sequenced]) -> BTreeMap<Namespace, Vec<Inexact>> {
        let mut inexact: BTreeMap<Namespace, Vec<Inexact>> = BTreeMap::new();
        for event in events {
            let change = &event.change;
            let Some(namespace) = &change.namespace else { continue };
            match change.op {
                Op::Create | Op::Insert | Op::Update | Op::Replace | Op::Delete => {
                    if let Some(uuid) = change.uuid
                        && self.epochs.get(namespace) != Some(&uuid)
                    {
                        self.epochs.insert(namespace.clone(), uuid);
                        self.snapshot.forget(namespace);
                    }
                }
                Op::Drop | Op::Rename | Op::DropDatabase => {
                    warn!(collection = %namespace, to = ?change.to, op = ?change.op, time = %change.time,
                        "a collection was dropped or renamed: its records stay, and anchors say ghosts-possible");
                    let ended: Vec<Namespace> = match change.op {
                        Op::DropDatabase => self.epochs.keys().filter(|n| n.db() == namespace.db()).cloned().collect(),
                        _ => vec![namespace.clone()],
                    };
                    for namespace in ended {
                        self.epochs.remove(&namespace);
                        self.snapshot.forget(&namespace);
                        inexact.entry(namespace.clone()).or_default().push(Inexact::of("ghosts-possible", &namespace));
                    }
                    if let Some(to) = &change.to {
                        inexact.entry(to.clone()).or_default().push(Inexact::of("ghosts-possible", to));
                    }
                }
                // The frontier keeps it to itself.
                Op::Invalidate => {}
                Op::Other => {
                    debug!(collection = %namespace, op = change.op_name.as_deref(), "recognised, and without effect on data")
                }
            }
        }
        inexact
    }
}

fn image_missing(namespace: &Namespace, id: &Id, at: ClusterTime) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5007",
        "an updated document has no image at the cut, and nothing explains it",
        format!("{namespace} _id {}, at {at}", crate::quarantine::id_text(id.value())),
        "its last event is an update, and the source has no such document at that time; a missing image is never taken for a delete",
        "check the source for orphaned or restored documents; then snapshot this collection anew",
    ))
}
