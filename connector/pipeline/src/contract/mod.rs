//! Contracts: the Avro schema that a collection's documents must meet, and raw BSON to Avro by a compiled plan.
//!
//! * [`model`]: what a contract is. * [`file`]: the `.avsc` file, read and written. * [`names`]: BSON names to Avro names.
//! * [`infer`]: from a sample. * [`evolve`]: widening by documents that did not fit. * [`derive`]: what is registered.
//! * [`merge`]: a contract back from what is registered, and with its file.
//! * [`plan`]: compiled encoders for key and value. * [`key`]: how an `_id` is written. * [`extjson`]: Extended JSON text.
//! * [`decimal`]: Decimal128.

pub mod decimal;
pub mod derive;
pub mod evolve;
pub mod extjson;
pub mod file;
pub mod infer;
pub mod key;
pub mod merge;
pub mod model;
pub mod names;
pub mod plan;
