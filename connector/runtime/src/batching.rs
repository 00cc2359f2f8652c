//! One batch of an actor: events taken at a cut, their images looked up, and what befalls their collections.
//!
//! Invariants: every image is that of the cut, or later and then said (`inexact_until`); a missing image is never taken
//! for a delete (I-IMG-2); a look-up in a collection that was dropped or renamed meanwhile proves nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use moorline_pipeline::anchor::Inexact;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::{ClusterTime, Id, Namespace, Op, canonical};
use moorline_pipeline::source::{Images, Source};
use moorline_pipeline::task::cut::Cut;
use moorline_pipeline::task::frontier::Sequenced;
use moorline_pipeline::task::images;
use tracing::{debug, info, warn};

use crate::actor::Actor;
use crate::reading::unsettled;
use crate::work::{EventBatch, Image, Job};

impl<S: Source> Actor<S> {
    /// Takes the events of a cut, looks their images up and hands them on with the position after them.
    pub(crate) async fn batch(&mut self, cut: Cut) -> Result<()> {
        if let Some(ticks) = &cut.ticks {
            self.ticks.close(ticks);
        }
        if cut.count > 0 {
            let events = self.frontier.take(cut.count);
            let look_up = self.settings.images == Images::Boundary;
            let plan = images::plan(&events, &self.overtaken, look_up);
            let mut inexact = self.lifecycle(&events);
            let mut images = HashMap::new();
            for (namespace, ids) in &plan.look_ups {
                let wanted = self.look_up(namespace, ids, cut.at, &mut images, &mut inexact);
                wanted.await?;
            }
            let last = &events[events.len() - 1].change;
            self.last = Some((last.token(), last.time));
            self.witness = Some(last.token());
            let snapshotting = Arc::clone(&self.snapshotting);
            let batch = EventBatch { events, treatments: plan.treatments, images, snapshotting, inexact };
            self.hand(Job::Events(batch)).await?;
        }
        self.close(cut.at, cut.ticks).await
    }

    /// The images of updated documents at the cut; where it has left the history window, at a later time.
    async fn look_up(
        &mut self,
        namespace: &Namespace,
        ids: &[Id],
        at: ClusterTime,
        images: &mut HashMap<images::Key, Image>,
        inexact: &mut BTreeMap<Namespace, Vec<Inexact>>,
    ) -> Result<()> {
        let Some(uuid) = self.epochs.get(namespace).copied() else { return Ok(()) };
        let boundary = at.pred();
        let found = match self.source.look_up(namespace, &uuid, ids, Some(boundary)).await {
            Err(failure) if failure.next == Next::NewTime => {
                let found = self.source.look_up(namespace, &uuid, ids, None).await?;
                if self.inexact_until.is_none_or(|until| until < found.at) {
                    info!(collection = %namespace, until = %found.at, "catching up from before the history window: images are later than their cut");
                    self.inexact_until = Some(found.at);
                }
                found
            }
            other => other?,
        };
        let late = found.at > boundary;
        if !found.same_epoch {
            warn!(collection = %namespace, keys = ids.len(), "a drop or rename hides the images of updated documents");
            let mut reason = Inexact::of("image-missing", namespace);
            reason.keys = Some(ids.len() as i64);
            inexact.entry(namespace.clone()).or_default().push(reason);
            return Ok(());
        }
        if let Some(until) = found.unsettled_until {
            inexact.entry(namespace.clone()).or_default().push(unsettled(namespace, until));
        }
        let mut documents: HashMap<Vec<u8>, Bytes> = HashMap::with_capacity(found.documents.len());
        for document in found.documents {
            let raw = bson::RawDocument::from_bytes(&document).ok();
            if let Some(id) = raw.and_then(|d| d.get("_id").ok().flatten()) {
                let mut key = Vec::with_capacity(24);
                canonical(id, &mut key);
                documents.insert(key, document);
            }
        }
        for id in ids {
            let mut key = Vec::with_capacity(24);
            canonical(id.value(), &mut key);
            let document = documents.remove(&key);
            if document.is_none() && !late {
                if inexact.contains_key(namespace) {
                    // The batch itself drops or renames the collection, or its documents are not those of one time:
                    // that hides the image, and is said.
                    continue;
                }
                return Err(image_missing(namespace, id, boundary));
            }
            let key: images::Key = (namespace.clone(), key.into());
            if late {
                self.overtaken.insert(key.clone(), found.at);
            }
            images.insert(key, Image { document, at: found.at });
        }
        Ok(())
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
                Op::Invalidate => warn!(time = %change.time, "the change stream was invalidated"),
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
