//! Contracts against their specification: nothing here needs a server, nothing here was written by who wrote the code.
//!
//! `golden_*`: a case for every row of the type table and every kind of key, its bytes decoded by another library.
//! `laws_*`: properties over arbitrary documents. `infer_*`, `evolve`, `file_*`, `misfits`: the rules one by one.
//! `stage` and `oracle` hold what they share: how documents are made, and what their bytes should say.

mod evolve;
mod file_laws;
mod file_problems;
mod golden;
mod golden_choices;
mod golden_envelope;
mod golden_forms;
mod golden_keys;
mod golden_nested;
mod golden_policies;
mod golden_shapes;
mod golden_types;
mod infer_dictionary;
mod infer_rules;
mod laws_encode;
mod laws_evolve;
mod laws_key;
mod misfits;
mod oracle;
mod stage;
mod texts;
mod wild;
