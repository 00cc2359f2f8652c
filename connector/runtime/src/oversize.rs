//! A record over the limit: stop, put it aside, cut what can be cut, or leave it out.
//!
//! Invariants: what is left out or cut is counted in the anchor's reasons, by collection, and told in the log, the first
//! at once and then at most once a minute; a document that is left out leaves a delete for its key, as one in quarantine
//! does; a record whose texts are not enough of it stops the connector.

use std::time::{Duration, Instant};

use bson::RawDocumentBuf;
use moorline_pipeline::contract::model::Misfit;
use moorline_pipeline::contract::output::Form;
use moorline_pipeline::contract::oversize::{self, Shortened};
use moorline_pipeline::contract::plan::Change;
use moorline_pipeline::error::{Failure, Problem, Result};
use tracing::warn;

use crate::contracts::Bound;
use crate::items::Item;
use crate::quarantine;
use crate::settings::{Oversize, Settings};

/// The rule of a record that is too large.
pub(crate) const RULE: &str = "MC615";
/// Why an anchor is inexact where a record was left out, as `anchor.avsc` has it.
pub(crate) const SKIPPED: &str = "oversize-skipped";
/// Why an anchor is inexact where texts were cut.
pub(crate) const TRUNCATED: &str = "oversize-truncated";
/// The least time between two lines of the log.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The documents of a record whose texts were cut.
pub(crate) struct Short {
    before: Option<RawDocumentBuf>,
    after: Option<RawDocumentBuf>,
    fields: Vec<Shortened>,
}

impl Short {
    /// Of a record that is `excess` bytes too large; `None` where cutting is not wanted or not enough.
    pub(crate) fn of(bound: &Bound, change: &Change<'_>, excess: usize, settings: &Settings) -> Option<Self> {
        if settings.oversize != Oversize::TruncateAny {
            return None;
        }
        // A flat value shows one of the two.
        let both = bound.output.form == Form::Envelope || change.after.is_none();
        let before = change.before.filter(|_| both);
        let documents: Vec<_> = change.after.into_iter().chain(before).collect();
        let (made, fields) = oversize::shorten(&bound.contract, bound.output.spill, &documents, excess)?;
        let mut made = made.into_iter();
        let after = change.after.and_then(|_| made.next());
        Some(Self { after, before: made.next(), fields })
    }

    /// The change with its documents.
    pub(crate) fn change<'a>(&'a self, whole: &Change<'a>) -> Change<'a> {
        Change { after: self.after.as_deref(), before: self.before.as_deref().or(whole.before), ..*whole }
    }

    /// What was cut, for the record's header and the log: paths with the bytes that their texts had.
    pub(crate) fn fields(&self) -> String {
        self.fields.iter().map(|(path, bytes)| format!("{path} {bytes}")).collect::<Vec<_>>().join(", ")
    }
}

/// What becomes of a record that is too large: the inner value says that it does not fit, the failure stops.
pub(crate) fn refused(item: &Item<'_>, size: usize, settings: &Settings) -> Result<Misfit> {
    let limit = settings.max_record_bytes;
    let largest = item.document.and_then(oversize::largest);
    match settings.oversize {
        Oversize::Quarantine | Oversize::Skip => Ok(Misfit {
            rule: RULE,
            name: "oversize",
            path: largest.map(|(path, _)| path).unwrap_or_default(),
            expected: format!("at most {limit} bytes"),
            found: format!("{size} bytes"),
        }),
        Oversize::Halt | Oversize::TruncateAny => {
            let field =
                largest.map(|(path, bytes)| format!(", largest field {path} ({bytes} bytes)")).unwrap_or_default();
            let why = if settings.oversize == Oversize::Halt {
                "the broker would refuse it; the connector stopped at this change and nothing was skipped"
            } else {
                "fields of type `any`, whose texts may be cut, are not enough of it; the connector stopped at this change"
            };
            Err(Failure::halt(Problem::new(
                "MOOR-3009",
                format!("a record of {size} bytes is over the limit of {limit} bytes"),
                format!("{} _id {}{field}", item.namespace, quarantine::id_text(item.id)),
                why,
                "raise max.message.bytes of the topic and kafka.message.max.bytes, exclude the large field,\nor record.oversize.handling=quarantine",
            )))
        }
    }
}

/// Records of one part that were left out or cut.
#[derive(Default)]
pub(crate) struct Noted {
    count: u64,
    first: String,
}

impl Noted {
    /// One more; `what` says what is special about it.
    pub(crate) fn note(&mut self, item: &Item<'_>, what: &str) {
        if self.count == 0 {
            self.first = format!("{} _id {}: {what}", item.namespace, quarantine::id_text(item.id));
        }
        self.count += 1;
    }
}

/// What the log has been told.
#[derive(Default)]
pub(crate) struct Teller {
    next: Option<Instant>,
    untold: u64,
}

impl Teller {
    /// Tells of a part that is handed on.
    pub(crate) fn tell(&mut self, noted: Noted, handling: Oversize) {
        if noted.count == 0 {
            return;
        }
        self.untold += noted.count;
        let now = Instant::now();
        if self.next.is_some_and(|next| now < next) {
            return;
        }
        self.next = Some(now + TELL_EVERY);
        let (records, first) = (std::mem::take(&mut self.untold), noted.first);
        if handling == Oversize::Skip {
            warn!(
                code = "MOOR-5701",
                records, first, "records over the limit are left out, and anchors say oversize-skipped"
            );
        } else {
            warn!(
                code = "MOOR-5702",
                records, first, "texts of records over the limit are cut, and anchors say oversize-truncated"
            );
        }
    }
}
