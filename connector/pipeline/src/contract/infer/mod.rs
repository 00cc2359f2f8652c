//! A contract from a sample.
