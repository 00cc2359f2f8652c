//! Widening a contract by documents that did not fit.
