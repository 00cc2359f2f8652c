//! The laws of anchors over a small model of Kafka and of a lane: nothing here needs a server.
//!
//! `anchor_ledger`: totals, offsets with holes, restarts, continuation. `anchor_forms`: golden files, ids, parts.
//! `anchor_cuts`: what people name. `anchor_check`: every defect that is seeded is found. `anchor_between`: what lies between two cuts.
//! `anchor_thinning`: which anchors may go, and which never. `anchor_archive`: those that went, in a file.

mod anchor_archive;
mod anchor_between;
mod anchor_check;
mod anchor_cuts;
mod anchor_forms;
mod anchor_ledger;
mod anchor_thinning;
mod kafka;
mod lane;
