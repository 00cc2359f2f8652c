//! Where a lane's stream stands, and what must be known to go on from there.
//!
//! Invariants: a position becomes durable only together with the records before it; a token means something only with
//! the history it was made in and the pipeline it was made with, so both stand beside it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::unreadable;
use crate::error::Problem;
use crate::model::{ClusterTime, Namespace, Token, Uuid, uuid_from_text, uuid_text};

/// The format that is written and read.
pub const FORMAT: u32 = 1;

/// A lane's position.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Where the stream is resumed; `None` where nothing was ever delivered and no token is known.
    pub resume: Option<Token>,
    /// Token of the last real event: what a probe asks the server for.
    pub witness: Option<Token>,
    /// Everything before it is committed.
    pub frontier: ClusterTime,
    /// The pipeline that the tokens were made with, canonical Extended JSON.
    pub pipeline: String,
    /// Identity of the source's history.
    pub history: String,
    /// The collections at the last start and their epochs.
    pub source_uuids: BTreeMap<Namespace, Uuid>,
    /// The lane's patterns, sorted.
    pub patterns: Vec<String>,
    /// The lane's number when this was written; not part of the key.
    pub lane: u32,
    /// Lanes of the layout.
    pub lanes: u32,
    /// Hash of the layout.
    pub layout: String,
    /// Anchors up to and with this time are inexact: images were looked up late.
    pub inexact_until: Option<ClusterTime>,
    /// The last tick that an anchor stands for.
    pub last_tick: Option<ClusterTime>,
    /// Id of the last anchor.
    pub last_anchor: Option<String>,
    /// Id of the last full anchor.
    pub last_full_anchor: Option<String>,
    /// Anchors since that one.
    pub anchors_since_full: u32,
    /// Kind that the next tick's anchor owes.
    pub next_kind: Option<String>,
    /// Label that it owes.
    pub next_label: Option<String>,
    /// Whether every first snapshot is complete.
    pub snapshot_done: bool,
}

/// The flat object. Names of Debezium where it has the same thing.
#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    witness_token: Option<String>,
    sec: u32,
    ord: u32,
    pipeline: String,
    history: String,
    collections: String,
    patterns: String,
    lane: u32,
    lanes: u32,
    layout: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inexact_until_sec: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inexact_until_ord: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_tick_sec: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_anchor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_full_anchor: Option<String>,
    anchors_since_full: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_label: Option<String>,
    snapshot_done: bool,
}

impl Position {
    /// The record's value.
    pub fn to_value(&self) -> Vec<u8> {
        let token = |token: &Option<Token>| token.as_ref().map(|t| STANDARD.encode(t.as_bytes()));
        let uuids: BTreeMap<&str, String> =
            self.source_uuids.iter().map(|(namespace, uuid)| (namespace.as_str(), uuid_text(uuid))).collect();
        let form = Form {
            format: FORMAT,
            resume_token: token(&self.resume),
            witness_token: token(&self.witness),
            sec: self.frontier.t,
            ord: self.frontier.i,
            pipeline: self.pipeline.clone(),
            history: self.history.clone(),
            collections: serde_json::to_string(&uuids).expect("text keys only"),
            patterns: serde_json::to_string(&self.patterns).expect("text only"),
            lane: self.lane,
            lanes: self.lanes,
            layout: self.layout.clone(),
            inexact_until_sec: self.inexact_until.map(|time| time.t),
            inexact_until_ord: self.inexact_until.map(|time| time.i),
            last_tick_sec: self.last_tick.map(|tick| tick.t),
            last_anchor: self.last_anchor.clone(),
            last_full_anchor: self.last_full_anchor.clone(),
            anchors_since_full: self.anchors_since_full,
            next_kind: self.next_kind.clone(),
            next_label: self.next_label.clone(),
            snapshot_done: self.snapshot_done,
        };
        serde_json::to_vec(&form).expect("text keys only")
    }

    /// The position of a value.
    pub fn from_value(value: &[u8]) -> Result<Self, Problem> {
        let form: Form = super::read("position", FORMAT, value)?;
        let bad = |why: String| unreadable("position", why);
        let uuids: BTreeMap<String, String> =
            serde_json::from_str(&form.collections).map_err(|error| bad(format!("collections: {error}")))?;
        let uuids = uuids.into_iter().map(|(name, uuid)| Some((Namespace::parse(&name)?, uuid_from_text(&uuid)?)));
        let source_uuids =
            uuids.collect::<Option<_>>().ok_or_else(|| bad("collections: not names and UUIDs".into()))?;
        let patterns = serde_json::from_str(&form.patterns).map_err(|error| bad(format!("patterns: {error}")))?;
        let inexact_until = form.inexact_until_sec.zip(form.inexact_until_ord);
        Ok(Self {
            resume: token(form.resume_token).map_err(bad)?,
            witness: token(form.witness_token).map_err(bad)?,
            frontier: ClusterTime::new(form.sec, form.ord),
            pipeline: form.pipeline,
            history: form.history,
            source_uuids,
            patterns,
            lane: form.lane,
            lanes: form.lanes,
            layout: form.layout,
            inexact_until: inexact_until.map(|(t, i)| ClusterTime::new(t, i)),
            last_tick: form.last_tick_sec.map(|t| ClusterTime::new(t, 0)),
            last_anchor: form.last_anchor,
            last_full_anchor: form.last_full_anchor,
            anchors_since_full: form.anchors_since_full,
            next_kind: form.next_kind,
            next_label: form.next_label,
            snapshot_done: form.snapshot_done,
        })
    }
}

fn token(text: Option<String>) -> Result<Option<Token>, String> {
    let Some(text) = text else { return Ok(None) };
    let bytes = STANDARD.decode(text).map_err(|error| format!("token: {error}"))?;
    Token::from_bytes(&bytes).map(Some).ok_or_else(|| "token: not a BSON document".to_owned())
}
