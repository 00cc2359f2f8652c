//! How what is there already is read.

use crate::definition::{Definition, Kind, Word, ignored, key, later, not_yet, refuse, refused, word};

const MODES: &[Word] = &[
    word("initial"),
    word("initial_only"),
    word("no_data"),
    word("always"),
    later("when_needed"),
    refused(
        "configuration_based",
        "its switches are covered by modes that say what they do",
        "snapshot.mode=initial, initial_only, no_data or always",
    ),
    refused("custom", "it names a Java class", "snapshot.mode=initial, initial_only, no_data or always"),
];
const GUARDS: &[Word] = &[word("warn"), word("refuse"), later("slow")];
const GAPS: &[Word] = &[word("stop"), later("resnapshot"), later("accept")];

const MIB: i64 = 1 << 20;

pub(super) const KEYS: &[Definition] = &[
    key(
        "snapshot.mode",
        Kind::Choice(MODES),
        "`initial`: once for each collection; `initial_only`: then stop; `no_data`: never; `always`: at each start.",
    )
    .default("initial")
    .high(),
    key("snapshot.max.threads", Kind::Number(1, 32), "Chunks that are read at once.").default("2").like("= (1)"),
    key(
        "incremental.snapshot.chunk.size",
        Kind::Number(1, 1_000_000),
        "Documents of a chunk; a small one costs speed.",
    )
    .default("4096")
    .like("= (1024)"),
    key("snapshot.chunk.bytes", Kind::Bytes(1, 1024 * MIB), "Bytes of a chunk, whichever comes first.")
        .default("16777216")
        .ours()
        .low(),
    key(
        "snapshot.gate.max.ms",
        Kind::Duration(10, 5000),
        "The longest time that streaming waits for rows which are read beside it.",
    )
    .default("500")
    .ours()
    .low(),
    key(
        "snapshot.oplog.guard",
        Kind::Choice(GUARDS),
        "What a snapshot does that is forecast to outlast the oplog: a warning, or no start.",
    )
    .default("warn")
    .ours()
    .low(),
    key("snapshot.fetch.size", Kind::Number(0, 1_000_000), "Documents of a reply; 0 leaves it to the server.")
        .default("0")
        .low()
        .only(&["0"]),
    key(
        "snapshot.rate.limit.documents",
        Kind::Number(0, i64::MAX),
        "Most documents a second, of each lane; 0 for no limit.",
    )
    .default("0")
    .ours()
    .low(),
    key("snapshot.rate.limit.bytes", Kind::Number(0, i64::MAX), "Most bytes a second, of each lane; 0 for no limit.")
        .default("0")
        .ours()
        .low(),
    key("gap.policy", Kind::Choice(GAPS), "What happens when the oplog no longer holds the position.")
        .default("stop")
        .like("`snapshot.mode=when_needed`")
        .only(&[]),
    ignored(
        "incremental.snapshot.watermarking.strategy",
        "nothing is ever written to the source: chunks need no watermarks",
    ),
    key(
        "snapshot.include.collection.list",
        Kind::Patterns,
        "Collections (`db.coll`) that are read; the others that are captured are only streamed, and their exports are \
         never complete. Written as the include lists are.",
    )
    .derived("all that are captured"),
    not_yet("snapshot.collection.filter.overrides", "Collections that are read in part."),
    not_yet("snapshot.collection.filter.overrides.*", "The filter of one of them."),
    key("snapshot.delay.ms", Kind::Duration(0, i64::MAX), "A wait before the snapshot; streaming begins at once.")
        .default("0")
        .low(),
    refuse("streaming.delay.ms", "streaming runs beside the snapshot, not after it", "take the key out"),
    refuse("snapshot.mode.custom.name", "it names a Java class", "snapshot.mode=initial"),
    refuse("snapshot.mode.configuration.based.*", "its switches are covered by modes", "snapshot.mode=initial"),
];
