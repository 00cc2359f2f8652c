//! Compiled encoders.
