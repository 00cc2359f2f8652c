//! The pure core of Moorline: what is decided, and nothing of how it is done.
//!
//! No IO, no clock, no randomness, no tokio. Whatever a decision needs comes in as an argument, and what is to be
//! done comes out as a value. In reading order:
//!
//! * [`error`]: what went wrong, for a person, and what happens next, for a machine.
//! * [`model`]: cluster times, namespaces, tokens, ids, changes, replies.
//! * [`source`] and [`sink`]: the traits that the rim implements; their docs are contracts.
//! * [`contract`]: the Avro schema of a collection, how it is inferred and evolves, and raw BSON to Avro by a plan.
//! * [`anchor`]: the record of a consistent cut, its id and digest, and the ledger of running totals behind it.
//! * [`certificate`]: what a reading found of an export at an anchor.
//! * [`marker`]: the record that ends a topic into which an anchor was replayed.
//! * [`offsets`]: what is persisted beside the data: position, owner, progress.
//! * [`task`]: one file a phase: frontier, cut, images, snapshot.
//! * [`avro_text`]: Avro bytes as JSON text, for eyes and for topics of JSON.
//! * [`partition`]: murmur2, as every JVM producer places keys. * [`jcs`]: canonical JSON, for digests.
//! * [`forecast`]: how long a snapshot takes, and how long the source's log holds.

pub mod anchor;
pub mod avro_text;
pub mod certificate;
pub mod contract;
pub mod error;
pub mod forecast;
pub mod jcs;
pub mod marker;
pub mod model;
pub mod offsets;
pub mod partition;
pub mod sink;
pub mod source;
pub mod task;
