//! Anchors: named, immutable, consistent cuts.
//!
//! * [`record`]: the record of the anchors topic, its key and their wire form. * [`id`]: the id, which hashes the rest.
//! * [`digest`]: the order-free digest over records. * [`delta`]: what one transaction adds to a collection.
//! * [`ledger`]: the running totals behind the anchors. * [`parts`]: large full anchors in several records.
//! * [`merge`]: differences onto their base. * [`log`]: the topic as read. * [`cuts`]: which cuts all lanes share.
//! * [`at`]: how people name a cut. * [`between`]: what changed from one cut to another.
//! * [`outline`]: anchors in outline. * [`thinning`]: which of them go. * [`archive`]: those that went, in a file.
//! * [`check`]: what a record says against what was read again.
//!
//! Invariants: an anchor is written once and never changed; equal ids mean equal content; an anchor names only offsets
//! that were delivered in its own transaction or before it.

pub mod archive;
pub mod at;
pub mod between;
pub mod check;
pub mod cuts;
pub mod delta;
pub mod digest;
pub mod id;
pub mod ledger;
pub mod log;
pub mod merge;
pub mod outline;
pub mod parts;
pub mod record;
pub mod thinning;
pub(crate) mod wire;

pub use delta::CollectionDelta;
pub use digest::Digest;
pub use ledger::{Closed, ExportStart, LaneFacts, Ledger, PositionFacts};
pub use record::{Anchor, AnchorKey, CollectionCut, Counts, Gap, Inexact, Lineage, PartitionCut};
pub use wire::{WireError, decode, decode_key, encode, encode_key};

/// The Avro schema of the anchors topic's values.
pub const SCHEMA: &str = include_str!("../../../../schemas/anchor.avsc");
/// The Avro schema of its keys.
pub const KEY_SCHEMA: &str = include_str!("../../../../schemas/anchor-key.avsc");
