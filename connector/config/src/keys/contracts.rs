//! Contracts: the types of documents.

use crate::definition::{Definition, Kind, Word, key, word};

const MODES: &[Word] = &[word("infer"), word("pinned")];
const DRIFT: &[Word] = &[word("evolve"), word("spill"), word("quarantine"), word("halt")];
const UNKNOWN: &[Word] = &[word("spill"), word("drift"), word("ignore")];

const GIB: i64 = 1 << 30;

pub(super) const KEYS: &[Definition] = &[
    key(
        "contract.mode",
        Kind::Choice(MODES),
        "`infer`: from a sample where there is no file; `pinned`: only the files.",
    )
    .default("infer")
    .ours()
    .high(),
    key("contract.path", Kind::Path, "The folder of contract files, `<db>.<coll>.avsc`.").default("schemas").ours(),
    key(
        "contract.on.drift",
        Kind::Choice(DRIFT),
        "What a document does that does not fit: `evolve` widens the contract within the version budget; `spill` puts \
         unknown fields into `__spill`; `quarantine` sends it to the quarantine topic; `halt` stops the connector.",
    )
    .derived("`evolve` with `contract.mode=infer`, `quarantine` with `pinned` or `errors.tolerance=all`")
    .ours(),
    key(
        "contract.<db>.<coll>.on.drift",
        Kind::Choice(DRIFT),
        "The same for one collection. Ambiguous where names hold dots: the contract's `moorline.on.drift` is better.",
    )
    .ours()
    .low(),
    key("contract.unknown", Kind::Choice(UNKNOWN), "What unknown fields do where drift is not `evolve`.")
        .default("spill")
        .ours(),
    key("contract.infer.sample.size", Kind::Number(1, 10_000_000), "Documents of a sample.")
        .default("1000")
        .ours()
        .low(),
    key("contract.infer.sample.bytes", Kind::Bytes(1, 16 * GIB), "Bytes of a sample.").default("67108864").ours().low(),
    key("contract.infer.timeout.ms", Kind::Duration(1, 3_600_000), "How long a sample may take.")
        .default("10000")
        .ours()
        .low(),
    key(
        "contract.max.fields",
        Kind::Number(1, 100_000),
        "Leaves of a contract; the rarest subtree beyond becomes JSON text.",
    )
    .default("1000")
    .ours()
    .low(),
    key("contract.max.depth", Kind::Number(1, 100), "Levels of a contract; what is deeper becomes JSON text.")
        .default("12")
        .ours()
        .low(),
    key(
        "contract.version.budget",
        Kind::Number(0, 10_000),
        "Versions that `evolve` may add a day; then unknown fields spill.",
    )
    .default("10")
    .ours()
    .low(),
];
