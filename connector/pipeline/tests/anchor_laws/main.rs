//! The laws of anchors over a small model of Kafka and of a lane: nothing here needs a server.
//!
//! `anchor_ledger`: totals, offsets with holes, restarts, continuation. `anchor_forms`: golden files, ids, parts.
//! `anchor_cuts`: what people name. `anchor_check`: every defect that is seeded is found. `anchor_between`: what lies between two cuts.

mod anchor_between;
mod anchor_check;
mod anchor_cuts;
mod anchor_forms;
mod anchor_ledger;
mod kafka;
mod lane;
