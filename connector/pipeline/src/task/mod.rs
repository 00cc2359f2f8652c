//! The decisions of a lane, one file a phase.
