//! What is persisted in the offsets topic beside the data.
