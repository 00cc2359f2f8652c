//! The contract file.
