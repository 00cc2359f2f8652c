//! Contracts: the Avro schema that a collection's documents must meet, and raw BSON to Avro by a compiled plan.
//!
//! * [`model`] is what a contract is, [`file`] its `.avsc` file, read and written.
//! * [`names`] turns BSON names into Avro names; [`forms`] says which Avro type a new field gets where there are several,
//!   [`values`] what happens to values that a type can't hold.
//! * [`infer`] makes a contract from a sample, [`evolve`] widens one by documents that did not fit.
//! * [`output`] is what a topic's records look like beside that: their form and metadata.
//! * [`derive`] gives what is registered, [`merge`] a contract back from that, also beside its file.
//! * [`plan`] has the compiled encoders for key and value, [`key`] how an `_id` is written.
//! * [`oversize`] cuts texts of records that are too large.
//! * [`extjson`] writes Extended JSON text, [`decimal`] reads Decimal128.

pub mod decimal;
pub mod derive;
pub mod evolve;
pub mod extjson;
pub mod file;
pub(crate) mod flat;
pub mod forms;
pub mod infer;
mod iso8601;
pub mod key;
pub mod merge;
pub mod model;
pub mod names;
mod number;
pub mod output;
pub mod oversize;
pub mod plan;
pub mod values;
