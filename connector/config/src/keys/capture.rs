//! What is captured, and how updates get their documents.

use crate::definition::{Definition, Kind, Word, key, later, not_yet, word};

const MODES: &[Word] = &[
    word("change_streams_update_full"),
    word("change_streams"),
    word("change_streams_with_pre_image"),
    word("change_streams_update_full_with_pre_image"),
];
const FULL: &[Word] = &[word("boundary"), word("post_image"), word("lookup")];
const MATCH: &[Word] = &[word("regex"), word("literal")];
const ORDERS: &[Word] = &[word("internal_first"), later("user_first"), later("user_only")];
// A change stream of documents has no truncations, so that skipping them is what happens anyway.
const SKIPPED: &[Word] = &[word("none"), word("t"), later("c"), later("u"), later("d"), later("r")];

const LISTS: &str = "Databases that are in. All four lists hold regular expressions over whole names, \
                     case-sensitive, or names (`filters.match.mode`).";

pub(super) const KEYS: &[Definition] = &[
    key("database.include.list", Kind::Patterns, LISTS).derived("all but `admin`, `local`, `config`"),
    key("database.exclude.list", Kind::Patterns, "Databases that are out.").low(),
    key("collection.include.list", Kind::Patterns, "Collections (`db.coll`) that are in, new ones too.")
        .derived("all of the databases")
        .high(),
    key("collection.exclude.list", Kind::Patterns, "Collections (`db.coll`) that are out, also where included."),
    key("filters.match.mode", Kind::Choice(MATCH), "Whether the four lists hold regular expressions or names.")
        .default("regex"),
    not_yet("capture.scope", "How wide change streams are opened: now as the lists allow."),
    not_yet("capture.target", "The database or collection of that scope."),
    key(
        "capture.mode",
        Kind::Choice(MODES),
        "What comes with a change: the document after an update (`_update_full`), the one before it where the collection \
         keeps pre-images (`_with_pre_image`). Without the former there are deltas only, which `document` can't do with.",
    )
    .default("change_streams_update_full"),
    key(
        "capture.mode.full.update.type",
        Kind::Choice(FULL),
        "Where the document after an update comes from: `boundary` reads it at the end of the batch, so that it is one \
         the stream has reached; `post_image` takes the server's (`changeStreamPreAndPostImages`); `lookup` takes some \
         later state.",
    )
    .default("boundary")
    .like("=, plus boundary"),
    key("capture.coalesce.updates", Kind::Boolean, "Whether updates of a key in a batch become one record.")
        .derived("`true` under `document` without `provide.transaction.metadata`")
        .ours()
        .low(),
    key(
        "capture.start.op.time",
        Kind::Number(-1, i64::MAX),
        "Where streaming starts if there is no position: seconds * 2^32 + increment; -1 for the present.",
    )
    .default("-1")
    .low(),
    key(
        "cursor.max.await.time.ms",
        Kind::Duration(1, 60_000),
        "How long the server waits for a change to answer with.",
    )
    .default("1000")
    .low(),
    not_yet("cursor.pipeline", "Aggregation stages of one's own."),
    key("cursor.pipeline.order", Kind::Choice(ORDERS), "Where those stages stand.")
        .default("internal_first")
        .low()
        .only(&[]),
    not_yet("cursor.oversize.handling.mode", "What a change over 16 MB does."),
    not_yet("cursor.oversize.skip.threshold", "The size from which such a change is skipped."),
    key("skipped.operations", Kind::Choice(SKIPPED), "Operations that are left out.").default("none").low().only(&[]),
    not_yet("field.exclude.list", "Fields that are left out; a contract's `moorline.excluded` does it."),
    not_yet("field.include.list", "Fields that are kept; a pinned contract says it."),
    not_yet("field.renames", "Other names for fields; a contract's field may have one."),
    not_yet("field.mask.list", "Fields whose values are masked."),
    not_yet("field.hash.list", "Fields whose values are hashed."),
    not_yet("field.hash.salt", "The secret of that hash."),
];
